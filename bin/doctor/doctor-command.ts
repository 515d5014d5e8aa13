/** `d7y-mount doctor`: finds out why a mount does not start, does not answer, or does not read. */
import process from 'node:process';

import { safeLines } from '../../src/source/safe-text.js';
import { EXIT } from '../command-failure.js';
import type { GivenOptions } from '../config/options.js';
import { createBundle, documentOf, writeBundle } from './bundle.js';
import { CHECKS } from './checks.js';
import { resultLines } from './result-lines.js';
import { runChecks } from './run-checks.js';
import { secretFilter } from './secret-filter.js';
import { setUpOf } from './set-up.js';

export interface DoctorOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  /** The file to make. */
  readonly bundle?: string;
}

/** Resolves to the exit code. */
export async function examine(
  targets: readonly string[],
  { json, verbose, bundle }: DoctorOptions,
  given: GivenOptions,
): Promise<number> {
  const setUp = await setUpOf(targets, given);
  const file = bundle === undefined ? undefined : await createBundle(bundle);
  const hide = await secretFilter(setUp.configuration, targets);
  const results = (await runChecks(CHECKS, setUp)).map(({ message, fix, ...rest }) => ({
    ...rest,
    message: hide(message),
    fix: fix === undefined ? undefined : hide(fix),
  }));
  const document = documentOf(results);
  if (file !== undefined && bundle !== undefined) await writeBundle(file, bundle, { setUp, document, hide });
  if (json) process.stdout.write(`${JSON.stringify(document)}\n`);
  else {
    for (const line of resultLines(results, { verbose, showsUrls: setUp.hasUrls })) print(line);
    if (bundle !== undefined)
      print(
        `${bundle} has all of it, without secrets, and with the names of hosts and files: look into it before you pass it on`,
      );
  }
  return results.some(({ state }) => state === 'fail') ? EXIT.unhealthy : 0;
}

function print(line: string): void {
  process.stdout.write(`${safeLines(line)}\n`);
}
