import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';

import test, { type ImplementationFn } from 'ava';

import { CLI } from './run.js';

type Declare = (title: string, body: ImplementationFn<[]>) => void;

/** Declares tests where the condition holds. Elsewhere they are skipped, each with what it needs in its title. */
export function testWhere(holds: boolean, needed: string, declare: Declare = test): Declare {
  return holds ? declare : (title, body) => test.skip(`${title} (needs ${needed})`, body);
}

export const isRoot = process.geteuid?.() === 0;
export const asRoot = testWhere(isRoot, 'root');
export const asRootSerially = testWhere(isRoot, 'root', test.serial);
export const asRootForOthersSerially = testWhere(
  isRoot && isOpenToOthers(CLI),
  'root, and a clone that other users can reach',
  test.serial,
);

/** Whether all users can read the file: not in a clone below /root. */
function isOpenToOthers(path: string): boolean {
  const isPassed = (directory: string): boolean =>
    (statSync(directory).mode & 0o001) !== 0 && (directory === '/' || isPassed(dirname(directory)));
  return (statSync(path).mode & 0o004) !== 0 && isPassed(dirname(path));
}
