/** Files of the store: opened only if they are this user's own, read in as few system calls as can be. */
import fs, { constants } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

import { codeOf } from '../../error-code.js';

export const open = promisify(fs.open);
export const close = promisify(fs.close);
export const fsync = promisify(fs.fsync);
export const fdatasync = promisify(fs.fdatasync);
export const futimes = promisify(fs.futimes);

const fstatBig = promisify(fs.fstat) as (fd: number, options: { bigint: true }) => Promise<fs.BigIntStats>;
const readv = promisify(fs.readv);

/** What `st_blocks` counts (stat(2)). */
export const STAT_BLOCK_BYTES = 512;
/** Below IOV_MAX (1024). */
export const MAX_VECTORS = 512;

export function fstat(fd: number): Promise<fs.BigIntStats> {
  return fstatBig(fd, { bigint: true });
}

/** Something has the name of one of our files, and is none: it is not used, nor removed. */
class StrayFileError extends Error {
  override readonly name = 'StrayFileError';
  readonly code = 'STRAY_FILE';
}

/** Follows no link, and does not wait for the other end of a FIFO. */
const SAFE = constants.O_NOFOLLOW | constants.O_NONBLOCK;
/** Undefined on systems without it. */
const NO_ACCESS_TIME = 'O_NOATIME' in constants ? constants.O_NOATIME : 0;

/** Opens a file of the store for reading: a regular one of this user, in a directory of this user. */
export async function openOwn(path: string): Promise<number> {
  // The time of access is ours: see index-file.ts.
  const fd = await open(path, constants.O_RDONLY | SAFE | NO_ACCESS_TIME);
  try {
    // The system has both at hand by now: neither look waits for a disk.
    checkDirectory(path);
    checkFile(fd, path);
    return fd;
  } catch (error) {
    await close(fd);
    throw error;
  }
}

/** As `openOwn`, on a thread that may wait. */
export function openOwnSync(path: string, flags: number): number {
  checkDirectory(path);
  const fd = fs.openSync(path, flags | SAFE, 0o600);
  try {
    checkFile(fd, path);
    return fd;
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function checkDirectory(path: string): void {
  if (isOwnDirectory(fs.lstatSync(dirname(path)))) return;
  throw new StrayFileError(`${dirname(path)} is not a directory of this user`);
}

function checkFile(fd: number, path: string): void {
  if (!isOwnFile(fs.fstatSync(fd))) throw new StrayFileError(`${path} is not a file of this user`);
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

/** Up to `bytes` bytes from `position` on. */
export async function readBytes(fd: number, position: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, await readAt(fd, [buffer], position));
}

export function writeAtSync(fd: number, pieces: readonly Uint8Array[], position: number): void {
  let pending = pieces;
  let totalBytes = 0;
  while (pending.length > 0) {
    const bytesWritten = fs.writevSync(fd, pending.slice(0, MAX_VECTORS), position + totalBytes);
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

/** Makes the entries of a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  await whileOpen(open(path, constants.O_RDONLY | constants.O_DIRECTORY | SAFE), fsync);
}

/** What the work makes of a file; undefined: there is no such file. */
export async function whileOpen<T>(
  opening: Promise<number>,
  work: (fd: number) => Promise<T>,
): Promise<T | undefined> {
  let fd: number;
  try {
    fd = await opening;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return await work(fd);
  } finally {
    // No caller needs to wait for it.
    close(fd).catch(() => undefined);
  }
}
