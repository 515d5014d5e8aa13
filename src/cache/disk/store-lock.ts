import { constants } from 'node:fs';
import { stat } from 'node:fs/promises';

import { loadSyscalls, type Syscalls } from '../../native/posix.js';
import { codeOf } from '../../error-code.js';
import { close, fstat, open } from './file-io.js';

const CHECK_EVERY_MS = 2_000;

/** The exclusive lock of a store. The system releases it when the process ends, however it ends. */
export class StoreLock {
  readonly #path: string;
  readonly #fd: number;
  readonly #ino: bigint;
  readonly #syscalls: Syscalls;
  #checkedAtMs = performance.now();
  #isHeld = true;

  private constructor(path: string, fd: number, ino: bigint, syscalls: Syscalls) {
    this.#path = path;
    this.#fd = fd;
    this.#ino = ino;
    this.#syscalls = syscalls;
  }

  /** Undefined: another process holds it. Rejects if the file cannot be opened, or koffi not loaded. */
  static async tryAcquire(path: string): Promise<StoreLock | undefined> {
    const syscalls = await loadSyscalls();
    const fd = await openLock(path);
    try {
      if (syscalls.tryLock(fd)) {
        const { ino } = await fstat(fd);
        // The path may have got another file between open and lock.
        if ((await inodeOf(path)) === ino) return new StoreLock(path, fd, ino, syscalls);
      }
    } catch (error) {
      await close(fd);
      throw error;
    }
    await close(fd);
    return undefined;
  }

  /** False: the file was removed, and others may have locked a new one. Looks every few seconds. */
  async isHeld(): Promise<boolean> {
    if (performance.now() - this.#checkedAtMs >= CHECK_EVERY_MS) {
      this.#checkedAtMs = performance.now();
      this.#isHeld &&= (await inodeOf(this.#path)) === this.#ino;
    }
    return this.#isHeld;
  }

  /** The next `isHeld` looks. */
  doubt(): void {
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** Makes everything on the file system durable. */
  syncFileSystem(): Promise<void> {
    return this.#syscalls.syncFileSystem(this.#fd);
  }

  release(): Promise<void> {
    return close(this.#fd);
  }
}

/** A directory that has its name can be locked as well. */
async function openLock(path: string): Promise<number> {
  const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return await open(path, flags | constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'EISDIR') throw error;
    return await open(path, flags | constants.O_RDONLY);
  }
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
