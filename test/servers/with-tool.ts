import test, { type ExecutionContext } from 'ava';

import { findTool } from './tools.js';

/** A test that needs a program of `npm run test:servers`, and is skipped with the reason where it is missing. */
export function testWith(
  tool: string,
  title: string,
  run: (t: ExecutionContext, program: string) => Promise<void>,
): void {
  const found = findTool(tool);
  if ('missing' in found) test.skip(`${title} (${found.missing})`, (t) => run(t, ''));
  else test(title, (t) => run(t, found.path));
}
