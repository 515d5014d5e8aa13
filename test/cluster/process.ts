import { spawn } from 'node:child_process';
import { openSync, closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import type { ExecutionContext } from 'ava';

export interface ClusterProcess {
  readonly hasEnded: () => boolean;
  /** SIGKILL; resolves when it has ended. */
  readonly kill: () => Promise<void>;
}

/** Starts a program whose output goes to a file; killed when the test ends. */
export function startProcess(
  t: Pick<ExecutionContext, 'teardown'>,
  output: string,
  [program = '', ...args]: readonly string[],
): ClusterProcess {
  const file = openSync(output, 'a');
  const child = spawn(program, args, { stdio: ['ignore', file, file] });
  closeSync(file);
  let isEnded = false;
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isEnded = true;
      resolve();
    };
    child.once('exit', end).once('error', end);
  });
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  return { hasEnded: () => isEnded, kill };
}

/** Resolves when `isReady` says so; rejects, with what the program wrote last, when it has ended before. */
export async function untilReady(
  name: string,
  process: ClusterProcess,
  output: string,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const endsAt = performance.now() + 60_000;
  while (!(await isReady())) {
    if (!process.hasEnded() && performance.now() < endsAt) {
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      continue;
    }
    const lines = (await readFile(output, 'utf8')).trim().split('\n').slice(-30);
    throw new Error(`${name} ${process.hasEnded() ? 'has ended' : 'is not ready'}: ${lines.join('\n')}`);
  }
}
