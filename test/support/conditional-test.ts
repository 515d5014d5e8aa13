import process from 'node:process';

import test, { type ImplementationFn } from 'ava';

type Declare = (title: string, body: ImplementationFn<[]>) => void;

/** Declares tests where the condition holds. Elsewhere they are skipped, each with what it needs in its title. */
export function testWhere(holds: boolean, needed: string, declare: Declare = test): Declare {
  return holds ? declare : (title, body) => test.skip(`${title} (needs ${needed})`, body);
}

export const isRoot = process.geteuid?.() === 0;
export const asRoot = testWhere(isRoot, 'root');
export const asRootSerially = testWhere(isRoot, 'root', test.serial);
