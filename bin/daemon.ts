import { type ChildProcess, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { findMount } from '../src/mount/mount-table.js';
import { canonicalPath, unmountPath } from '../src/mount/mountpoint.js';
import { defaultLogFile } from './log.js';
import type { MountOptions } from './options.js';

const READY_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;

/** What the process in the background tells the one that started it. */
export type DaemonMessage = { readonly ready: string } | { readonly failed: string };

/**
 * Starts the same program in the background, and returns once its mount answers, asked from this process.
 * Rejects, leaving nothing mounted and no process, when it does not.
 */
export async function runInBackground(
  args: readonly string[],
  path: string,
  options: MountOptions,
): Promise<void> {
  const logFile = options.logFile ?? defaultLogFile();
  const script = fileURLToPath(new URL('d7y-mount.js', import.meta.url));
  const child = spawn(process.execPath, [script, ...args, '--foreground', '--log-file', logFile], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const hadMount = (await findMount(await canonicalPath(path))) !== undefined;
  try {
    const mountpoint = await within(READY_LIMIT_MS, ready(child, logFile), 'the mount did not come up');
    await within(ANSWER_LIMIT_MS, readdir(mountpoint), 'the mount does not answer');
    child.disconnect();
    child.unref();
    process.stdout.write(greeting(mountpoint, logFile));
  } catch (error) {
    child.kill('SIGKILL');
    // A mount that stood there before is not ours to end.
    if (!hadMount && (await findMount(await canonicalPath(path))) !== undefined) await unmountPath(path);
    throw error;
  }
}

function ready(child: ChildProcess, logFile: string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the process in the background ended (${signal ?? code}); see ${logFile}`)),
    );
    child.once('message', (message: DaemonMessage) => {
      if ('ready' in message) resolve(message.ready);
      else reject(new Error(message.failed));
    });
  });
}

async function within<Value>(limitMs: number, work: Promise<Value>, message: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} within ${limitMs / 1000} s`)), limitMs);
  });
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

function greeting(mountpoint: string, logFile: string): string {
  return [
    `d7y-mount: mounted at ${mountpoint} (log: ${logFile})`,
    `  ls ${mountpoint}/.plugins`,
    `  cat ${mountpoint}/dfs/host:56001/path/to/resource`,
    `  umount ${mountpoint}`,
    '',
  ].join('\n');
}
