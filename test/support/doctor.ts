import type { CheckResult } from '../../bin/doctor/check.js';
import { CHECKS } from '../../bin/doctor/checks.js';
import { runChecks } from '../../bin/doctor/run-checks.js';
import { setUpOf } from '../../bin/doctor/set-up.js';
import type { GivenOptions } from '../../bin/config/options.js';

/** The results of `d7y-mount doctor`, in this process. */
export async function examined(targets: readonly string[], given: GivenOptions = {}): Promise<CheckResult[]> {
  return await runChecks(CHECKS, await setUpOf(targets, given));
}

/** Those of one check. */
export function resultsOf(results: readonly CheckResult[], id: string): CheckResult[] {
  return results.filter((result) => result.id === id);
}

/** `id: state` of all that is not right. */
export function problemsIn(results: readonly CheckResult[]): string[] {
  return results.filter(({ state }) => state !== 'ok').map(({ id, state }) => `${id}: ${state}`);
}
