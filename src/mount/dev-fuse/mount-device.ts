import { spawn } from 'node:child_process';
import { close, closeSync, openSync } from 'node:fs';
import process from 'node:process';

import { messageOf } from '../../error-code.js';
import { openMountpoint } from '../mountpoint.js';
import type { TransportOptions } from '../transport.js';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, type Syscalls } from '../../native/posix.js';

const SUBTYPE = 'd7y';

/** The kernel refused the mount. The message names what was tried. */
export class MountError extends Error {
  override readonly name = 'MountError';
  readonly code = 'MOUNT_FAILED';
}

type DeviceOptions = Pick<TransportOptions, 'source' | 'exec' | 'allowOther' | 'checksPermissions'>;

/** Mounts on a directory, and returns the descriptor that speaks for the mount. */
export async function mountDevice(
  syscalls: Syscalls,
  mountpoint: string,
  options: DeviceOptions,
): Promise<number> {
  try {
    const directory = await openMountpoint(mountpoint);
    try {
      const target = `/proc/self/fd/${directory.fd}`;
      if (process.getuid?.() === 0) return mountAsRoot(syscalls, target, options);
      return await mountAsUser(syscalls, target, options);
    } finally {
      await directory.close();
    }
  } catch (error) {
    const reason = messageOf(error);
    throw new MountError(`${mountpoint}: cannot be mounted (${reason})`, { cause: error });
  }
}

function accessOptions({ allowOther, checksPermissions }: DeviceOptions): string {
  return `${allowOther ? ',allow_other' : ''}${checksPermissions ? ',default_permissions' : ''}`;
}

function mountAsRoot(syscalls: Syscalls, target: string, options: DeviceOptions): number {
  const fd = openSync('/dev/fuse', 'r+');
  const flags = MS_RDONLY | MS_NOSUID | MS_NODEV | (options.exec ? 0 : MS_NOEXEC);
  const data = `fd=${fd},rootmode=40000,user_id=0,group_id=0${accessOptions(options)}`;
  try {
    syscalls.mount(options.source, target, `fuse.${SUBTYPE}`, flags, data);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Through `fusermount3`, which is set-uid: it mounts, and sends the descriptor over a socket. It is started in the directory
 * and mounts on `.`, since a path could lead elsewhere by then.
 */
async function mountAsUser(syscalls: Syscalls, target: string, options: DeviceOptions): Promise<number> {
  const source = options.source.replaceAll(/[\\,]/g, String.raw`\$&`);
  const flags = `ro,nosuid,nodev${options.exec ? '' : ',noexec'}`;
  const data = `${flags},fsname=${source},subtype=${SUBTYPE}${accessOptions(options)}`;
  const [ours, theirs] = syscalls.socketPair();
  try {
    await runFusermount(['-o', data, '--', '.'], target, theirs);
    return syscalls.receiveDescriptor(ours);
  } finally {
    close(ours);
    close(theirs);
  }
}

function runFusermount(args: readonly string[], directory: string, socket: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('fusermount3', args, {
      stdio: ['ignore', 'ignore', 'pipe', socket],
      cwd: directory,
      env: { PATH: process.env['PATH'], _FUSE_COMMFD: '3' },
    });
    let said = '';
    child.stderr?.on('data', (text: Buffer) => {
      said += text.toString();
    });
    child.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ENOENT'
          ? new Error('an ordinary user needs fusermount3 (Debian: apt-get install fuse3)')
          : error,
      ),
    );
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(said.trim() || `fusermount3 ended with ${code}`));
    });
  });
}
