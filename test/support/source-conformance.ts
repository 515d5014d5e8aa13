import test, { type ExecutionContext } from 'ava';

import { CONFORMANCE_CHECKS, type SourceUnderTest } from '../../src/source/conformance.js';

export type { SourceUnderTest } from '../../src/source/conformance.js';

/** What every source client keeps to, whatever it speaks. */
export function testSource(name: string, setUp: (t: ExecutionContext) => Promise<SourceUnderTest>): void {
  for (const { title, check } of CONFORMANCE_CHECKS) {
    test(`${name}: ${title}`, async (t) => {
      const source = await setUp(t);
      await t.notThrowsAsync(() => check(source));
    });
  }
}
