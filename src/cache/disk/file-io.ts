/** Positioned reads and writes of whole lists of buffers, in as few system calls as can be. */
import fs, { constants } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

export const open = promisify(fs.open);
export const close = promisify(fs.close);
export const fsync = promisify(fs.fsync);
export const fdatasync = promisify(fs.fdatasync);
export const futimes = promisify(fs.futimes);
export const ftruncate = promisify(fs.ftruncate);

const fstatBig = promisify(fs.fstat) as (fd: number, options: { bigint: true }) => Promise<fs.BigIntStats>;
const readv = promisify(fs.readv);
const writev = promisify(fs.writev);

/** What `st_blocks` counts (stat(2)). */
export const STAT_BLOCK_BYTES = 512;
/** Below IOV_MAX (1024). */
const MAX_VECTORS = 512;

export function fstat(fd: number): Promise<fs.BigIntStats> {
  return fstatBig(fd, { bigint: true });
}

/** Something has the name of one of our files, and is none: it is not used, nor removed. */
class StrayFileError extends Error {
  override readonly name = 'StrayFileError';
  readonly code = 'STRAY_FILE';
}

/**
 * Opens a file of the store: a regular one of this user, in a directory of this user. Follows no link, and does not
 * wait for the other end of a FIFO.
 */
export async function openOwn(path: string, flags: number, mode?: number): Promise<number> {
  // The caller has just made the directory, or found it made.
  if ((flags & constants.O_CREAT) !== 0) checkDirectory(dirname(path));
  const fd = await open(path, flags | constants.O_NOFOLLOW | constants.O_NONBLOCK, mode);
  try {
    // The system has both at hand by now: neither look waits for a disk.
    checkDirectory(dirname(path));
    if (isOwnFile(fs.fstatSync(fd))) return fd;
    throw new StrayFileError(`${path} is not a file of this user`);
  } catch (error) {
    await close(fd);
    throw error;
  }
}

/** Makes a file in a directory of this user, which has none of that name, and closes it. */
export async function writeNew(path: string, pieces: readonly Uint8Array[]): Promise<void> {
  checkDirectory(dirname(path));
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = await open(path, flags, 0o600);
  try {
    await writeAt(fd, pieces, 0);
  } finally {
    await close(fd);
  }
}

function checkDirectory(path: string): void {
  if (isOwnDirectory(fs.lstatSync(path))) return;
  throw new StrayFileError(`${path} is not a directory of this user`);
}

export function isOwnFile(stats: fs.Stats): boolean {
  return stats.isFile() && stats.uid === process.geteuid?.();
}

export function isOwnDirectory(stats: fs.Stats): boolean {
  return stats.isDirectory() && stats.uid === process.geteuid?.();
}

/** Fills the targets from `position` on. Resolves to the bytes read: fewer only at the end of the file. */
export async function readAt(fd: number, targets: readonly Uint8Array[], position: number): Promise<number> {
  let pending = targets;
  let totalBytes = 0;
  while (pending.length > 0) {
    const { bytesRead } = await readv(fd, pending.slice(0, MAX_VECTORS), position + totalBytes);
    if (bytesRead === 0) break;
    totalBytes += bytesRead;
    pending = withoutFirst(pending, bytesRead);
  }
  return totalBytes;
}

export async function writeAt(fd: number, pieces: readonly Uint8Array[], position: number): Promise<void> {
  let pending = pieces;
  let totalBytes = 0;
  while (pending.length > 0) {
    const { bytesWritten } = await writev(fd, pending.slice(0, MAX_VECTORS), position + totalBytes);
    totalBytes += bytesWritten;
    pending = withoutFirst(pending, bytesWritten);
  }
}

function withoutFirst(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = 0;
  let left = bytes;
  for (const piece of pieces) {
    if (piece.byteLength > left) break;
    left -= piece.byteLength;
    skip += 1;
  }
  const rest = pieces.slice(skip);
  const [cut] = rest;
  return left === 0 || cut === undefined ? rest : [cut.subarray(left), ...rest.slice(1)];
}
