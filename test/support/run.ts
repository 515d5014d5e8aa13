import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export const CLI = fileURLToPath(new URL('../../bundle/d7y-mount.js', import.meta.url));

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, whatever its exit code. Mounts are touched by child processes only. */
export async function run(command: string, args: readonly string[], timeoutMs = 60_000): Promise<Finished> {
  try {
    const options = { timeout: timeoutMs, maxBuffer: 1 << 28 };
    return { code: 0, ...(await execute(command, [...args], options)) };
  } catch (error) {
    const failed = error as { code?: number | string; stdout?: string; stderr?: string };
    const code = typeof failed.code === 'number' ? failed.code : -1;
    return { code, stdout: failed.stdout ?? '', stderr: failed.stderr ?? String(error) };
  }
}

export async function shell(script: string, ...args: string[]): Promise<Finished> {
  return await run('sh', ['-c', script, 'sh', ...args]);
}
