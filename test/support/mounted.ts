import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { whenProcessEnded } from '../../bin/process-identity.js';
import { servingProcess } from '../../bin/run-file.js';
import { findMount } from '../../src/mount/mount-table.js';
import { temporaryDirectory } from './temp.js';

const execute = promisify(execFile);

export const CLI = fileURLToPath(new URL('../../bin/d7y-mount.js', import.meta.url));

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

/** A mount of the built program on a directory of its own, ended when the test ends. */
export async function mounted(t: ExecutionContext, ...options: string[]): Promise<string> {
  const directory = await temporaryDirectory(t);
  const mountpoint = join(directory, 'mnt');
  t.teardown(() => unmounted(mountpoint));
  const log = join(directory, 'log');
  const cache = join(directory, 'cache');
  const own = ['--log-file', log, '--cache-dir', cache, '--no-rehearsal'];
  const { code, stderr } = await run(process.execPath, [CLI, mountpoint, ...own, ...options]);
  if (code !== 0) throw new Error(`the mount failed: ${stderr}`);
  return mountpoint;
}

/** Ends a mount, and waits until nobody writes to its cache any more. */
async function unmounted(mountpoint: string): Promise<void> {
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  await run('umount', ['-l', mountpoint]);
  if (server !== undefined) await whenProcessEnded(server, 10_000);
}

export const TRANSPORTS = ['dev-fuse', 'fuse-native'] as const;

/** Mounts for one test, with the transport that the test runs on. */
export type Mount = (...options: string[]) => Promise<string>;

/** One test body, run on every transport. */
export function eachTransport(
  title: string,
  body: (t: ExecutionContext, mount: Mount, transport: (typeof TRANSPORTS)[number]) => Promise<void>,
): void {
  for (const transport of TRANSPORTS) {
    test.serial(`${transport}: ${title}`, async (t) => {
      await body(t, (...options) => mounted(t, '--transport', transport, ...options), transport);
    });
  }
}
