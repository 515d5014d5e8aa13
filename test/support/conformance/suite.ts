import test, { type ExecutionContext } from 'ava';

import { CONTENT_CHECKS } from './content-checks.js';
import { FAULT_CHECKS } from './fault-checks.js';
import { LISTING_CHECKS } from './listing-checks.js';
import type { Need, TestedSource } from './tested-source.js';

export type { Need, TestedSource } from './tested-source.js';

export interface SuiteOptions {
  /** What the source or its server has not, and why: the checks that need it are skipped. */
  readonly lacks?: Readonly<Partial<Record<Need, string>>>;
  /** One check after the other: they share a server that is slow. */
  readonly isSerial?: boolean;
  /**
   * Starts a server, and makes a client of the source for it: for each check anew. The client gives up when nothing came
   * for `timeoutMs`, retries included.
   */
  readonly setUp: (t: ExecutionContext, timeoutMs: number) => Promise<TestedSource>;
}

const TIMEOUT_MS = 30_000;

/** Everything that a source of files has to do, one test for each check. What cannot be checked is skipped by name. */
export function testSourceFully(name: string, { lacks = {}, isSerial = false, setUp }: SuiteOptions): void {
  for (const { title, needs, run, timeoutMs = TIMEOUT_MS } of [
    ...CONTENT_CHECKS,
    ...LISTING_CHECKS,
    ...FAULT_CHECKS,
  ]) {
    const reasons = needs.flatMap((need) => lacks[need] ?? []);
    if (reasons.length > 0) {
      test.skip(`${name} ${title} (${[...new Set(reasons)].join('; ')})`, () => undefined);
    } else {
      const declare = isSerial ? test.serial : test;
      declare(`${name} ${title}`, async (t) => {
        await t.notThrowsAsync(async () => {
          await run(t, await setUp(t, timeoutMs));
        });
      });
    }
  }
}
