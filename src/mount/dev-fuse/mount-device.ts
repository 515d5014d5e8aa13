import { spawn } from 'node:child_process';
import { close, closeSync, openSync } from 'node:fs';
import process from 'node:process';

import type { TransportOptions } from '../transport.js';
import { MS_NODEV, MS_NOSUID, MS_RDONLY, type Syscalls } from './syscalls.js';

const SOURCE = 'd7y-mount';
const SUBTYPE = 'd7y';

/** The kernel refused the mount. The message names what was tried. */
export class MountError extends Error {
  override readonly name = 'MountError';
  readonly code = 'MOUNT_FAILED';
}

/** Mounts on a directory, and returns the descriptor that speaks for the mount. */
export async function mountDevice(
  syscalls: Syscalls,
  mountpoint: string,
  { allowOther, checksPermissions }: Pick<TransportOptions, 'allowOther' | 'checksPermissions'>,
): Promise<number> {
  const access = `${allowOther ? ',allow_other' : ''}${checksPermissions ? ',default_permissions' : ''}`;
  try {
    if (process.getuid?.() === 0) return mountAsRoot(syscalls, mountpoint, access);
    return await mountAsUser(syscalls, mountpoint, access);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MountError(`${mountpoint}: cannot be mounted (${reason})`, { cause: error });
  }
}

function mountAsRoot(syscalls: Syscalls, mountpoint: string, access: string): number {
  const fd = openSync('/dev/fuse', 'r+');
  const options = `fd=${fd},rootmode=40000,user_id=0,group_id=0${access}`;
  try {
    syscalls.mount(SOURCE, mountpoint, `fuse.${SUBTYPE}`, MS_RDONLY | MS_NOSUID | MS_NODEV, options);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Through `fusermount3`, which is set-uid: it mounts, and sends the descriptor over a socket. */
async function mountAsUser(syscalls: Syscalls, mountpoint: string, access: string): Promise<number> {
  const options = `ro,nosuid,nodev,fsname=${SOURCE},subtype=${SUBTYPE}${access}`;
  const [ours, theirs] = syscalls.socketPair();
  try {
    await runFusermount(['-o', options, '--', mountpoint], theirs);
    return syscalls.receiveDescriptor(ours);
  } finally {
    close(ours);
    close(theirs);
  }
}

function runFusermount(args: readonly string[], socket: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('fusermount3', args, {
      stdio: ['ignore', 'ignore', 'pipe', socket],
      env: { ...process.env, _FUSE_COMMFD: '3' },
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
