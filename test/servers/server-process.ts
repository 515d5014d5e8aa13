import { spawn } from 'node:child_process';

import type { ExecutionContext } from 'ava';

import { untilConnects } from '../support/port.js';

/** Starts a program that serves on a port of loopback; killed when the test ends. */
export async function startServerProcess(
  t: ExecutionContext,
  port: number,
  [program = '', ...args]: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore', env: { ...process.env, ...environment } });
  const ended = new Promise((resolve) => child.once('exit', resolve).once('error', resolve));
  t.teardown(async () => {
    if (child.kill('SIGKILL')) await ended;
  });
  await Promise.race([
    untilConnects(port),
    ended.then(() => Promise.reject(new Error(`${program} has ended`))),
  ]);
}
