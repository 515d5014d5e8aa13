/**
 * `/dev/fd/N` as the mountpoint, libfuse's convention: another process has opened /dev/fuse, mounted it and passed the
 * descriptor on (mount.fuse3 with `drop_privileges`, CSI drivers). The mount is not ours: it is served, and never unmounted.
 */
import { readFile } from 'node:fs/promises';

import { type Mount, readMounts } from './mount-table.js';

/** Undefined: the path is an ordinary mountpoint. */
export function descriptorOf(path: string): number | undefined {
  const number = /^\/dev\/fd\/(\d{1,6})$/.exec(path)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Where it is mounted. Undefined: in another mount namespace, or the kernel does not say (before Linux 6.11). */
export async function mountOfDescriptor(fd: number): Promise<Mount | undefined> {
  const facts = await readFile(`/proc/self/fdinfo/${fd}`, 'utf8').catch(() => '');
  const minor = /^fuse_connection:\s*(\d+)$/m.exec(facts)?.[1];
  if (minor === undefined) return undefined;
  return (await readMounts()).find(({ device }) => device === `0:${minor}`);
}
