/** All that changes the files of entries, by system calls that wait. Throws the errors of the system. */
import fs, { constants } from 'node:fs';

import { codeOf } from '../../../error-code.js';
import { loadSyscalls } from '../../../native/posix.js';
import { isOwnDirectory, isOwnFile, openOwnSync, STAT_BLOCK_BYTES, writeAtSync } from '../file-io.js';
import { encodeRecords, RECORD_BYTES } from '../index-file.js';
import { filePath, shardPath } from '../layout.js';
import { type PlainError, plainError } from './messages.js';

const { O_WRONLY, O_CREAT, O_EXCL } = constants;
/** Undefined on systems without it (open(2)). */
const O_DIRECT = 'O_DIRECT' in constants ? constants.O_DIRECT : undefined;
/** Memory, position and length of a direct write are multiples of what the device addresses: at most this. */
const PAGE_BYTES = 4096;
/** Less is not worth waiting for the device. */
const MIN_DIRECT_BYTES = 1024 * 1024;

/** Blocks of one version, in ascending order. */
export interface WriteJob {
  readonly name: string;
  /** There are no files yet: what the index begins with, and the length of the data. */
  readonly create: { readonly header: Uint8Array; readonly dataBytes: number } | undefined;
  readonly recordsAt: number;
  readonly seed: number;
  readonly blockBytes: number;
  readonly isDirect: boolean;
  readonly memory: readonly SharedArrayBuffer[];
  /** Five numbers for each block: its index, its checksum, which memory, from where on, how many bytes. */
  readonly blocks: readonly number[];
}

export interface WriteResult {
  /** By the two files. */
  readonly allocatedBytes: number;
  /** Not all was written; there are files, though. */
  readonly error: PlainError | undefined;
}

/** Bytes of an index file, and when the entry was used last, if that is another time now. */
export interface PatchJob {
  readonly name: string;
  readonly writes: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly usedAtMs?: number;
}

export interface PunchJob {
  readonly name: string;
  /** Of the index file first. */
  readonly index: { readonly at: number; readonly bytes: number };
  readonly data: { readonly at: number; readonly bytes: number };
}

/** Bytes that lie one behind the other in the file. */
interface Run {
  readonly first: number;
  readonly checksums: number[];
  readonly pieces: Uint8Array[];
}

export class FileChanges {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  /** The index names the blocks when all are written. */
  write(job: WriteJob): WriteResult {
    const { name, create, blockBytes, recordsAt, seed } = job;
    if (create !== undefined) this.#create(name, create.header, create.dataBytes);
    const runs = runsOf(job);
    return this.#whileOpen(name, (data, index) => {
      for (const { first, pieces } of runs) {
        const at = first * blockBytes;
        const written = job.isDirect ? this.#writeDirect(name, pieces, at) : 0;
        writeAtSync(data, pieces.slice(written), at + bytesOf(pieces.slice(0, written)));
      }
      for (const { first, checksums } of runs) {
        writeAtSync(index, [encodeRecords(first, checksums, seed)], recordsAt + first * RECORD_BYTES);
      }
      const now = Date.now() / 1000;
      fs.futimesSync(index, now, now);
    });
  }

  /** The data file is there first: an index without data is useless. */
  #create(name: string, header: Uint8Array, dataBytes: number): void {
    try {
      this.#createNew(name, header, dataBytes);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') makeDirectory(shardPath(this.#root, name));
      // Something that could not be trusted when it was read.
      else if (codeOf(error) === 'EEXIST') this.remove(name);
      else throw error;
      this.#createNew(name, header, dataBytes);
    }
  }

  #createNew(name: string, header: Uint8Array, dataBytes: number): void {
    const flags = O_WRONLY | O_CREAT | O_EXCL;
    // The full length from the start: no file system then allocates ahead of the writes.
    closing(openOwnSync(this.#path(name, 'data'), flags), (fd) => fs.ftruncateSync(fd, dataBytes));
    closing(openOwnSync(this.#path(name, 'index'), flags), (fd) => writeAtSync(fd, [header], 0));
  }

  /**
   * Past the page cache: that takes next to no processor time, where a copy into fresh pages costs as much as receiving the bytes
   * did. Returns how many pieces were written so, from the first on.
   */
  #writeDirect(name: string, pieces: readonly Uint8Array[], at: number): number {
    const odd = pieces.findIndex(({ byteLength }) => byteLength % PAGE_BYTES !== 0);
    const whole = odd === -1 ? pieces : pieces.slice(0, odd);
    const isFit = at % PAGE_BYTES === 0 && bytesOf(whole) >= MIN_DIRECT_BYTES;
    if (O_DIRECT === undefined || !isFit) return 0;
    try {
      closing(openOwnSync(this.#path(name, 'data'), O_WRONLY | O_DIRECT), (fd) => writeAtSync(fd, whole, at));
      return whole.length;
    } catch (error) {
      // The file system, or the memory, does not fit.
      if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'EOPNOTSUPP') throw error;
      return 0;
    }
  }

  /** Does nothing to an entry that is gone. */
  patch({ name, writes, usedAtMs }: PatchJob): void {
    try {
      closing(openOwnSync(this.#path(name, 'index'), O_WRONLY), (fd) => {
        const { atimeMs, mtimeMs } = fs.fstatSync(fd);
        for (const { at, bytes } of writes) writeAtSync(fd, [bytes], at);
        fs.futimesSync(fd, (usedAtMs ?? atimeMs) / 1000, mtimeMs / 1000);
      });
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  /** Frees a part of the data. */
  async punch({ name, index, data }: PunchJob): Promise<WriteResult> {
    const syscalls = await loadSyscalls();
    return this.#whileOpen(name, (dataFd, indexFd) => {
      const { atimeMs, mtimeMs } = fs.fstatSync(indexFd);
      writeAtSync(indexFd, [new Uint8Array(index.bytes)], index.at);
      fs.futimesSync(indexFd, atimeMs / 1000, mtimeMs / 1000);
      syscalls.punchHole(dataFd, data.at, data.bytes);
    });
  }

  /** Index first: data without an index is an orphan, which the next start removes. What is not ours stays. */
  remove(name: string): void {
    try {
      if (!isOwnDirectory(fs.lstatSync(shardPath(this.#root, name)))) return;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return;
      throw error;
    }
    for (const kind of ['index', 'data'] as const) removeOwn(this.#path(name, kind));
  }

  #whileOpen(name: string, work: (data: number, index: number) => void): WriteResult {
    return closing(openOwnSync(this.#path(name, 'data'), O_WRONLY), (data) =>
      closing(openOwnSync(this.#path(name, 'index'), O_WRONLY), (index) => {
        let failure: PlainError | undefined;
        try {
          work(data, index);
        } catch (error) {
          failure = plainError(error);
        }
        const blocks = fs.fstatSync(data).blocks + fs.fstatSync(index).blocks;
        return { allocatedBytes: blocks * STAT_BLOCK_BYTES, error: failure };
      }),
    );
  }

  #path(name: string, kind: 'data' | 'index'): string {
    return filePath(this.#root, name, kind);
  }
}

/** Adjacent blocks, and in them pieces of memory that are as long as can be. */
function runsOf({ blocks, memory }: WriteJob): Run[] {
  const runs: Run[] = [];
  for (let at = 0; at < blocks.length; at += 5) {
    const [index = 0, checksum = 0, which = 0, from = 0, bytes = 0] = blocks.slice(at, at + 5);
    const piece = new Uint8Array(memory[which] ?? new ArrayBuffer(0), from, bytes);
    const last = runs.at(-1);
    if (last === undefined || last.first + last.checksums.length !== index) {
      runs.push({ first: index, checksums: [checksum], pieces: [piece] });
      continue;
    }
    last.checksums.push(checksum);
    last.pieces.push(piece);
  }
  return runs;
}

function bytesOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

function closing<T>(fd: number, work: (fd: number) => T): T {
  try {
    return work(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function makeDirectory(path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

export function removeOwn(path: string): void {
  try {
    if (isOwnFile(fs.lstatSync(path))) fs.unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}
