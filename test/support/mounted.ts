import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';

import { whenProcessEnded, servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { CLI, run } from './run.js';
import { temporaryDirectory } from './temp.js';

export { CLI, type Finished, run, shell } from './run.js';

/** A mount of the built program on a directory of its own, ended when the test ends. */
export async function mounted(t: ExecutionContext, ...options: string[]): Promise<string> {
  const directory = await temporaryDirectory(t);
  const mountpoint = join(directory, 'mnt');
  t.teardown(() => unmounted(mountpoint));
  const log = join(directory, 'log');
  const cache = join(directory, 'cache');
  const own = ['--log-file', log, '--cache-dir', cache];
  const { code, stderr } = await run(process.execPath, [CLI, mountpoint, ...own, ...options]);
  if (code !== 0) throw new Error(`the mount failed: ${stderr}`);
  return mountpoint;
}

/** Ends a mount that no program uses: its process has ended when this returns. */
export async function unmount(t: ExecutionContext, mountpoint: string): Promise<void> {
  const { code, stderr } = await run(process.execPath, [CLI, 'unmount', mountpoint]);
  t.deepEqual({ code, stderr }, { code: 0, stderr: '' });
}

/** Ends a mount, also one in use, and waits until its process, which writes to its cache, has ended. */
export async function unmounted(mountpoint: string): Promise<void> {
  const mount = await findMount(mountpoint);
  const server = mount && (await servingProcess(mount));
  await run('umount', ['-l', mountpoint]);
  if (server !== undefined) await whenProcessEnded(server, 30_000);
}

export const TRANSPORTS = ['dev-fuse', 'fuse-native'] as const;

/** Mounts for one test, with the transport that the test runs on. */
export type Mount = (...options: string[]) => Promise<string>;

/** A test on the transport that is the default on Linux. */
export function onDevFuse(title: string, body: (t: ExecutionContext, mount: Mount) => Promise<void>): void {
  test.serial(title, async (t) => {
    await body(t, (...options) => mounted(t, '--transport', 'dev-fuse', ...options));
  });
}

/** A test on both transports, for what they do differently. */
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
