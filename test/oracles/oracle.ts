import { createRequire } from 'node:module';
import { resolve } from 'node:path';

import test, { type ExecutionContext } from 'ava';

/** The vendors' SDKs have an install of their own beside the source of these tests. */
const requireOracle = createRequire(resolve('test/oracles/package.json'));

/** What a test uses of an SDK is written down in the test; most SDKs have no types. */
export type LoadOracle = (name: string) => unknown;

function load(name: string): unknown {
  return requireOracle(name);
}

/** A test that needs the packages; without them it is skipped, under its name. */
export function oracleTest(
  title: string,
  packages: readonly string[],
  body: (t: ExecutionContext, load: LoadOracle) => Promise<void> | void,
): void {
  const missing = packages.filter((name) => !isInstalled(name));
  if (missing.length > 0) {
    test.skip(`${title} (not installed: ${missing.join(', ')})`, () => undefined);
    return;
  }
  test(title, async (t) => {
    await body(t, load);
  });
}

function isInstalled(name: string): boolean {
  try {
    requireOracle.resolve(name);
    return true;
  } catch {
    return false;
  }
}
