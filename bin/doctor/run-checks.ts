import { messageOf } from '../../src/error-code.js';
import { safeText } from '../../src/source/safe-text.js';
import { type Check, type CheckResult, type Finding, unknown } from './check.js';
import type { SetUp } from './set-up.js';

/** Longer than the requests of one check may take together. */
const LIMIT_MS = 30_000;

/** All at once, each with a time limit; the results are in the order of the checks. */
export async function runChecks(
  checks: readonly Check[],
  setUp: SetUp,
  limitMs = LIMIT_MS,
): Promise<CheckResult[]> {
  const results = await Promise.all(
    checks.map(async ({ id, run }) => {
      const findings = await within(limitMs, run, setUp);
      return findings.map(({ state, message, fix }) => ({
        id,
        state,
        message: safeText(message),
        fix: fix === undefined ? undefined : safeText(fix),
      }));
    }),
  );
  return results.flat();
}

async function within(limitMs: number, run: Check['run'], setUp: SetUp): Promise<readonly Finding[]> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<readonly Finding[]>((resolve) => {
    timer = setTimeout(() => resolve([unknown(`no answer within ${limitMs / 1000} s`)]), limitMs);
  });
  const running = (async () => await run(setUp))().catch((error: unknown) => [
    unknown(`cannot be checked: ${messageOf(error)}`),
  ]);
  return await Promise.race([running, limit]).finally(() => clearTimeout(timer));
}
