import { hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, statSync, rmSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { makeDirectory } from '../src/make-directory.js';
import { loadSyscalls, type Syscalls } from '../src/native/posix.js';
import { MountpointError } from '../src/mount/mountpoint.js';
import { runDirectory } from './serving-process.js';

const POLL_MS = 50;

/**
 * Held from before a process looks whether its mountpoint is free until its mount stands: of several that start at once on
 * one mountpoint, the others then see the mount of the first. There is one per user, so that no user can block another's
 * starts; between users the kernel decides (`coversAnother`). It ends with its process.
 */
export interface StartLock {
  release(): void;
}

/** Where no lock can be had (no koffi, a run directory that cannot be written) nothing is locked. */
export const NO_LOCK: StartLock = { release: () => undefined };

/** Waits for others for so long, and rejects with a `MountpointError` that names the process that holds it. */
export async function acquireStartLock(mountpoint: string, limitMs: number): Promise<StartLock> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const lock = await tryStartLock(mountpoint);
    if (lock !== undefined) return lock;
    if (waitedMs >= limitMs) {
      const holder = await readFile(lockFile(mountpoint), 'utf8').catch(() => '');
      const who = `process ${holder.trim() || 'unknown'}`;
      throw new MountpointError('IN_USE', mountpoint, `is in use: ${who} is about to mount there`);
    }
    await sleep(POLL_MS);
  }
}

/** Undefined: another process holds it. */
export async function tryStartLock(mountpoint: string): Promise<StartLock | undefined> {
  const path = lockFile(mountpoint);
  let syscalls: Syscalls;
  let fd: number;
  try {
    syscalls = await loadSyscalls();
    await makeDirectory(dirname(path), 0o700);
    fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  } catch {
    return NO_LOCK;
  }
  // The process that held it may have removed the file between open and lock.
  if (syscalls.tryLock(fd) && statSync(path, { throwIfNoEntry: false })?.ino === fstatSync(fd).ino) {
    notePid(fd);
    return { release: once(() => unlock(path, fd)) };
  }
  closeSync(fd);
  return undefined;
}

/** For the error of another start. On a full disk that one names no process. */
function notePid(fd: number): void {
  try {
    writeSync(fd, `${process.pid}\n`, 0);
  } catch {
    // The lock is held all the same.
  }
}

function unlock(path: string, fd: number): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A lock file that no process has locked stops none.
  }
  closeSync(fd);
}

function lockFile(mountpoint: string): string {
  return join(runDirectory(), `${hash('sha256', mountpoint, 'hex').slice(0, 32)}.lock`);
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    work();
  };
}
