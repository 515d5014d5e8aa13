import { fstatSync } from 'node:fs';

import { messageOf } from '../../error-code.js';
import type { Syscalls } from '../../native/posix.js';
import { MountError } from './mount-device.js';

/** Of /dev/fuse: `makedev(10, 229)`, MISC_MAJOR and FUSE_MINOR. */
const FUSE_DEVICE = 10 * 256 + 229;

/** Checks a descriptor that another process has mounted, and keeps it from the programs that this one starts. */
export function adoptDevice(syscalls: Syscalls, fd: number): number {
  const path = `/dev/fd/${fd}`;
  try {
    const found = fstatSync(fd);
    if (!found.isCharacterDevice() || found.rdev !== FUSE_DEVICE) throw new Error('it is not /dev/fuse');
    syscalls.closeOnExec(fd);
  } catch (error) {
    throw new MountError(`${path}: cannot be served (${messageOf(error)})`, { cause: error });
  }
  return fd;
}
