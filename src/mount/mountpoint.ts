import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { type FileHandle, open, readlink, realpath, rmdir, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, basename, resolve } from 'node:path';
import { promisify } from 'node:util';

import { codeOf } from '../error-code.js';
import { makeDirectory } from '../make-directory.js';
import { loadSyscalls, MNT_DETACH, MNT_FORCE, UMOUNT_NOFOLLOW } from '../native/posix.js';
import { findMount, type Mount } from './mount-table.js';

const runFile = promisify(execFile);
const COMMAND_LIMIT_MS = 10_000;
const ACCESS_LIMIT_MS = 5_000;
/** open(2): a descriptor that names a file, and does nothing with it. Node has no name for it. */
const O_PATH = 0o10000000;
/** As many as the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** The mountpoint cannot be used. */
export class MountpointError extends Error {
  override readonly name = 'MountpointError';
  readonly code:
    | 'IN_USE'
    | 'NOT_DIRECTORY'
    | 'HIDES'
    | 'CANNOT_CREATE'
    | 'CANNOT_ACCESS'
    | 'CANNOT_UNMOUNT'
    | 'CANNOT_REMOUNT';
  readonly path: string;
  /** What is mounted there, if it is in use. */
  readonly mount: Mount | undefined;

  constructor(code: MountpointError['code'], path: string, message: string, cause?: unknown, mount?: Mount) {
    super(`${path}: ${message}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.path = path;
    this.mount = mount;
  }
}

/** A directory to mount on. */
export interface Mountpoint {
  /** Absolute, without symbolic links: as it will stand in the mount table. */
  readonly path: string;
  /** We made it, so we remove it. */
  readonly wasCreated: boolean;
}

/**
 * Makes a path ready to be mounted on: creates it, recovers it from a crashed process ("Transport endpoint
 * is not connected"), refuses one that is in use.
 */
export async function prepareMountpoint(given: string): Promise<Mountpoint> {
  const path = await canonicalPath(given);
  await recoverMountpoint(path);
  try {
    return { path, wasCreated: await makeDirectory(path) };
  } catch (error) {
    if (codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOTDIR') {
      throw new MountpointError('NOT_DIRECTORY', path, 'is not a directory', error);
    }
    throw new MountpointError('CANNOT_CREATE', path, `cannot be created (${codeOf(error)})`, error);
  }
}

/** Takes away a mount whose process is gone; rejects if another one stands there. */
export async function recoverMountpoint(path: string): Promise<void> {
  const mount = await findMount(path);
  if (mount === undefined) return;
  if (mount.fsType.startsWith('fuse') && (await isDead(path))) await unmountPath(path);
  else {
    const found = `${mount.source} (${mount.fsType}) is mounted there`;
    throw new MountpointError('IN_USE', path, `is in use: ${found}`, undefined, mount);
  }
}

/**
 * Opens the directory to mount on. What is mounted through the descriptor stays on this directory, whatever replaces
 * the path or a part of it.
 */
export async function openMountpoint(path: string): Promise<FileHandle> {
  const directory = await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  const found = await readlink(`/proc/self/fd/${directory.fd}`);
  if (found === path) return directory;
  await directory.close();
  throw new MountpointError('CANNOT_ACCESS', path, `leads to ${found} by now`);
}

/** Removes the directory if `prepareMountpoint` made it and nothing is in it. */
export async function removeMountpoint(mountpoint: Mountpoint): Promise<void> {
  if (mountpoint.wasCreated) await rmdir(mountpoint.path).catch(() => undefined);
}

type Ending = 'unmounted' | 'detached';

const UNMOUNT_FLAGS = { unmounted: 0, detached: MNT_DETACH, forced: MNT_FORCE };

/** Unmounts; a busy mount is detached, and ends when its last user leaves. `onBusy` runs before that. */
export async function unmountPath(path: string, onBusy?: () => Promise<void>): Promise<Ending> {
  return await endMount(path, ['unmounted', 'detached'], onBusy);
}

/** Detaches the mount, even if it is in use or hangs (lazy unmount). */
export async function detachPath(path: string): Promise<void> {
  await endMount(path, ['detached']);
}

/** Fails all that waits for the process of a mount, as far as this user may. */
export async function abortConnection({ device, mountpoint }: Mount): Promise<void> {
  // Where no fusectl is mounted: this aborts at first, and is refused then if the mount is busy.
  const force = (): Promise<void> => unmountAsRoot(mountpoint, 'forced');
  await writeFile(`/sys/fs/fuse/connections/${device.split(':')[1]}/abort`, '1')
    .catch(force)
    .catch(() => undefined);
}

async function endMount(
  path: string,
  endings: readonly Ending[],
  onBusy?: () => Promise<void>,
): Promise<Ending> {
  let failure: unknown;
  for (const ending of endings) {
    if (failure !== undefined) await onBusy?.();
    for (const attempt of process.getuid?.() === 0 ? [unmountAsRoot] : USER_ATTEMPTS) {
      try {
        await attempt(path, ending);
        return ending;
      } catch (error) {
        failure = error;
        if ((await findMount(path)) === undefined) return 'unmounted';
      }
    }
  }
  throw new MountpointError('CANNOT_UNMOUNT', path, 'cannot be unmounted', failure);
}

type Attempt = (path: string, ending: Ending) => Promise<unknown>;

/** fusermount reads /etc/mtab, which containers may lack; umount(8) does not. */
const USER_ATTEMPTS: readonly Attempt[] = [
  (path, ending) => run('fusermount3', [ending === 'detached' ? '-uz' : '-u', path]),
  (path, ending) => run('fusermount', [ending === 'detached' ? '-uz' : '-u', path]),
  umount,
];

async function umount(path: string, ending: Ending | 'forced'): Promise<void> {
  await run('umount', [...{ unmounted: [], detached: ['-l'], forced: ['-f'] }[ending], path]);
}

/** By the directory that the mountpoint is in: the path to it could lead elsewhere by now. */
async function unmountAsRoot(path: string, ending: Ending | 'forced'): Promise<void> {
  const syscalls = await loadSyscalls().catch(() => undefined);
  if (syscalls === undefined) return await umount(path, ending);
  const parent = await openMountpoint(dirname(path));
  try {
    const flags = UMOUNT_NOFOLLOW | UNMOUNT_FLAGS[ending];
    syscalls.unmount(`/proc/self/fd/${parent.fd}/${basename(path)}`, flags);
  } finally {
    await parent.close();
  }
}

/** The path as the kernel writes it. What it leads to is not looked into: it may be a dead mount. */
export async function canonicalPath(given: string, links = 0): Promise<string> {
  const path = resolve(given);
  if (path === '/') return path;
  const parent = dirname(path);
  const found = join(await realpath(parent).catch(() => canonicalPath(parent, links)), basename(path));
  const target = links < MAX_LINKS ? await readlink(found).catch(() => undefined) : undefined;
  return target === undefined ? found : await canonicalPath(resolve(dirname(found), target), links + 1);
}

/** Rejects for a file or directory that the mount would hide, and whose use would make the mount wait for itself. */
export async function checkOutside(mountpoint: string, what: string, path: string): Promise<void> {
  const found = await canonicalPath(path);
  const inside = mountpoint === '/' ? '/' : `${mountpoint}/`;
  if (found !== mountpoint && !found.startsWith(inside)) return;
  const reason = `the ${what} ${path} is inside the mountpoint, which hides it`;
  throw new MountpointError('HIDES', mountpoint, reason);
}

/** Whether the process behind a FUSE mount is gone. One that does not reply is not dead. */
async function isDead(path: string): Promise<boolean> {
  // The kernel may still know the attributes, but it caches no reply to this.
  const answer = statfs(path).then(
    () => false,
    (error: unknown) => codeOf(error) === 'ENOTCONN',
  );
  const patience = new Promise<boolean>((done) => {
    setTimeout(() => done(false), ACCESS_LIMIT_MS).unref();
  });
  return await Promise.race([answer, patience]);
}

function run(command: string, args: readonly string[]): Promise<unknown> {
  return runFile(command, args, { timeout: COMMAND_LIMIT_MS });
}
