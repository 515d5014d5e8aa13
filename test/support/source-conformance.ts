import test, { type ExecutionContext } from 'ava';

import { CONFORMANCE_CHECKS, type SourceUnderTest } from '../../src/source/conformance.js';

export type { SourceUnderTest } from '../../src/source/conformance.js';

/** What every source client keeps to, whatever it speaks. */
export function testSource(name: string, setUp: (t: ExecutionContext) => Promise<SourceUnderTest>): void {
  test(`${name} keeps the contract of sources`, async (t) => {
    const source = await setUp(t);
    for (const { title, check } of CONFORMANCE_CHECKS) await t.notThrowsAsync(() => check(source), title);
  });
}
