import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';

import { codeOf } from '../src/error-code.js';
import { makeDirectory } from '../src/make-directory.js';
import { loadSyscalls, type Syscalls } from '../src/native/posix.js';

const ROTATE_BYTES = 16 * 1024 * 1024;
/** After so many bytes the length of the file is checked. */
const CHECK_AFTER_BYTES = ROTATE_BYTES / 16;

/** The log file cannot be used. The message names it and says why. */
export class LogFileError extends Error {
  override readonly name = 'LogFileError';
  readonly code = 'LOG_FILE';

  constructor(path: string, reason: string, cause?: unknown) {
    super(`log file ${path}: ${reason}`, cause === undefined ? undefined : { cause });
  }
}

/**
 * A log file that only its owner can read. It is not opened through a symbolic link, nor if another user owns it, nor if it
 * has a second name: in a directory such as /tmp other users could have put it there. At 16 MiB it is renamed to `….1`.
 */
export class LogFile {
  readonly #path: string;
  readonly #syscalls: Syscalls | undefined;
  #fd: number;
  #uncheckedBytes = 0;

  private constructor(path: string, fd: number, syscalls: Syscalls | undefined) {
    this.#path = path;
    this.#fd = fd;
    this.#syscalls = syscalls;
  }

  static async open(path: string): Promise<LogFile> {
    try {
      const syscalls = await loadSyscalls().catch(() => undefined);
      await makeDirectory(dirname(path), 0o700);
      const file = new LogFile(path, openOwn(path), syscalls);
      file.#reopen();
      return file;
    } catch (error) {
      if (error instanceof LogFileError) throw error;
      throw new LogFileError(path, `cannot be opened (${codeOf(error)})`, error);
    }
  }

  /** A log that cannot be written (a full disk) is no reason to end a mount: its lines are dropped. */
  write(text: string): void {
    try {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length;) done += writeSync(this.#fd, bytes, done);
      this.#uncheckedBytes += bytes.length;
      if (this.#uncheckedBytes >= CHECK_AFTER_BYTES) this.#reopen();
    } catch {
      // Dropped.
    }
  }

  /** Another program has renamed the file. */
  reopen(): void {
    try {
      this.#reopen();
    } catch {
      // The open file stays.
    }
  }

  /** Rotates the file if it is long. Several mounts may write to one: of them one renames it, and the others open the new one. */
  #reopen(): void {
    this.#uncheckedBytes = 0;
    if (this.#syscalls?.tryLock(this.#fd) ?? true) rotate(this.#path, this.#fd);
    // Where it cannot be opened (no directory), the open file stays.
    const fd = openOwn(this.#path);
    // Releases the lock too.
    closeSync(this.#fd);
    this.#fd = fd;
  }
}

/** Does nothing if the path has another file by now. Where it cannot be renamed it grows. */
function rotate(path: string, fd: number): void {
  try {
    const [found, own] = [lstatSync(path), fstatSync(fd)];
    if (found.ino === own.ino && own.isFile() && own.size > ROTATE_BYTES) renameSync(path, `${path}.1`);
  } catch {
    // It grows.
  }
}

function openOwn(path: string): number {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
  // O_NONBLOCK: open(2) of a named pipe without a reader would wait.
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  let fd: number;
  try {
    fd = openSync(path, flags, 0o600);
  } catch (error) {
    if (codeOf(error) !== 'ELOOP') throw error;
    throw new LogFileError(path, 'is a symbolic link', error);
  }
  try {
    const found = fstatSync(fd);
    const fault = faultOf(found);
    if (fault !== undefined) throw new LogFileError(path, fault);
    if (found.isFile() && (found.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function faultOf(found: Stats): string | undefined {
  const uid = process.geteuid?.();
  if (!found.isFile()) {
    const isTrusted = found.uid === 0 || found.uid === uid;
    return isTrusted ? undefined : `is owned by user ${found.uid}`;
  }
  if (found.uid !== uid) return `is owned by user ${found.uid}, not ${uid}`;
  return found.nlink > 1 ? 'has a second name (a hard link)' : undefined;
}
