import type { DirEntry } from '../directory-reader.js';
import { ENTRY_BYTES, type EntryOut, writeEntry, writeU64 } from './reply-codec.js';

const DIRENT_BYTES = 24;
const DT_DIR = 4;
const DT_REG = 8;

/** Collects directory entries until `roomBytes` are full. */
export class DirentBuffer {
  readonly #bytes: Buffer;
  #used = 0;

  constructor(roomBytes: number) {
    this.#bytes = Buffer.alloc(roomBytes);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  /** `fuse_dirent`. `next`: the offset that continues behind it. False: there is no room. */
  add(entry: DirEntry, next: number): boolean {
    return this.#add(entry, next, 0);
  }

  /** `fuse_direntplus`. `known`: what a LOOKUP would answer; asked for only if there is room. */
  addPlus(entry: DirEntry, next: number, known: (entry: DirEntry) => EntryOut | undefined): boolean {
    const at = this.#used;
    if (!this.#add(entry, next, ENTRY_BYTES)) return false;
    const found = known(entry);
    if (found === undefined) return true;
    writeEntry(this.#bytes, at, found);
    writeU64(this.#bytes, found.attr.ino, at + ENTRY_BYTES);
    return true;
  }

  #add(entry: DirEntry, next: number, headBytes: number): boolean {
    const nameBytes = Buffer.byteLength(entry.name);
    const bytes = headBytes + ((DIRENT_BYTES + nameBytes + 7) & ~7);
    if (this.#used + bytes > this.#bytes.length) return false;
    const at = this.#used + headBytes;
    // The number is only told, never used to find the file; 0 would hide the entry.
    writeU64(this.#bytes, 1, at);
    writeU64(this.#bytes, next, at + 8);
    this.#bytes.writeUInt32LE(nameBytes, at + 16);
    this.#bytes.writeUInt32LE(entry.kind === 'directory' ? DT_DIR : DT_REG, at + 20);
    this.#bytes.write(entry.name, at + DIRENT_BYTES);
    this.#used += bytes;
    return true;
  }
}
