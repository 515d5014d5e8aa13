import { spawn } from 'node:child_process';
import { once } from 'node:events';

import type { ExecutionContext } from 'ava';

/** A shell script that waits in `read` until the test resumes it. */
export interface PausedScript {
  /** Resolves to what the script printed since, when it has ended. */
  goOn(): Promise<string>;
}

/** Starts a script that prints something before it waits; resolves when it has. */
export async function startPaused(
  t: ExecutionContext,
  script: string,
  ...args: string[]
): Promise<PausedScript> {
  const child = spawn('sh', ['-ec', script, 'sh', ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const ended = once(child, 'close');
  const printed = once(child.stdout, 'data');
  const isPaused = await Promise.race([printed.then(() => true), ended.then(() => false)]);
  if (!isPaused) throw new Error(`the script ended before it waited: ${script}`);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  return {
    goOn: async () => {
      child.stdin.end('\n');
      await ended;
      return text;
    },
  };
}
