import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { statfs } from 'node:fs/promises';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import { descriptorOf } from '../src/mount/adopted-descriptor.js';
import { defaultLogFile } from './log.js';
import { hasTerminal } from './signals.js';
import { ConfigurationError, type ConfigurationFault } from './config/configuration-error.js';
import type { GivenMount } from './config/options.js';

const READY_LIMIT_MS = 30_000;
const ANSWER_LIMIT_MS = 10_000;
const END_LIMIT_MS = 5_000;

/** Where the child finds a descriptor that it serves: behind the standard streams and the channel. */
const PASSED = '/dev/fd/4';

/** From the process in the background to the one that started it. */
export type DaemonMessage =
  | { readonly ready: string; readonly logFile: string | undefined; readonly hasRoot: boolean }
  | { readonly failed: string }
  | { readonly faults: readonly ConfigurationFault[] };

/**
 * Starts the same program in the background, and returns once its mount answers.
 * Otherwise it rejects, and leaves neither process nor mount.
 */
export async function runInBackground(given: GivenMount): Promise<void> {
  if (!hasTerminal()) process.on('SIGHUP', () => undefined);
  const script = fileURLToPath(new URL('background.js', import.meta.url));
  const descriptor = descriptorOf(given.path);
  // The arguments are only shown, in the list of processes.
  const child = spawn(process.execPath, [script, given.path, '--foreground'], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc', ...(descriptor === undefined ? [] : [descriptor])],
    serialization: 'advanced',
  });
  try {
    const isReady = whenReady(child, given.options.logFile ?? defaultLogFile());
    child.send(descriptor === undefined ? given : { ...given, path: PASSED });
    const {
      ready: mountpoint,
      logFile,
      hasRoot,
    } = await within(READY_LIMIT_MS, isReady, 'the mount did not come up');
    // No readdir: that of a mount with a root waits for its source.
    if (descriptor === undefined)
      await within(ANSWER_LIMIT_MS, statfs(mountpoint), 'the mount does not answer');
    if (child.connected) child.disconnect();
    child.unref();
    process.stdout.write(greeting(mountpoint, logFile ?? defaultLogFile(), hasRoot));
  } catch (error) {
    await endChild(child, given.path);
    throw error;
  }
}

type ReadyMessage = Extract<DaemonMessage, { readonly ready: string }>;

function whenReady(child: ChildProcess, logFile: string): Promise<ReadyMessage> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the process in the background ended (${signal ?? code}); see ${logFile}`)),
    );
    child.once('message', (message: DaemonMessage) => {
      if ('ready' in message) resolve(message);
      else reject('faults' in message ? new ConfigurationError(message.faults) : new Error(message.failed));
    });
  });
}

/** The child unmounts its own mount. Of one that has to be killed, a dead mount is left, which `recoverMountpoint` recognizes. */
async function endChild(child: ChildProcess, path: string): Promise<void> {
  if (child.pid === undefined) return;
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  try {
    await within(END_LIMIT_MS, ended, 'the process in the background does not end');
  } catch {
    child.kill('SIGKILL');
    await ended;
    const { canonicalPath, recoverMountpoint } = await import('../src/mount/mountpoint.js');
    const { tryStartLock } = await import('./start-lock.js');
    const mountpoint = await canonicalPath(path);
    const lock = await tryStartLock(mountpoint);
    if (lock !== undefined) await recoverMountpoint(mountpoint).catch(() => undefined);
    lock?.release();
  }
}

async function within<Value>(limitMs: number, work: Promise<Value>, message: string): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${message} within ${limitMs / 1000} s`)), limitMs);
  });
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

function greeting(mountpoint: string, logFile: string, hasRoot: boolean): string {
  const first = `d7y-mount: mounted at ${mountpoint} (log: ${logFile})`;
  if (hasRoot) return [first, `  ls ${mountpoint}`, `  umount ${mountpoint}`, ''].join('\n');
  return [
    first,
    `  ls ${mountpoint}/.plugins`,
    `  cat ${mountpoint}/dfs/host:56001/path/to/resource`,
    `  head ${mountpoint}/https/deb.debian.org/debian/dists/stable/Release`,
    `  umount ${mountpoint}`,
    '',
  ].join('\n');
}
