import type { DirEntry } from '../directory-reader.js';
import { ENTRY_BYTES, type EntryOut, wordsOf, writeEntry, writeLong } from './reply-codec.js';

const DIRENT_BYTES = 24;
const DT_DIR = 4;
const DT_REG = 8;

/** Collects directory entries until `roomBytes` are full. */
export class DirentBuffer {
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  #used = 0;

  constructor(roomBytes: number) {
    this.#bytes = Buffer.alloc(roomBytes);
    this.#words = wordsOf(this.#bytes);
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
    const at = this.#used >>> 2;
    if (!this.#add(entry, next, ENTRY_BYTES)) return false;
    const found = known(entry);
    if (found === undefined) return true;
    writeEntry(this.#words, at, found);
    writeLong(this.#words, at + (ENTRY_BYTES >>> 2), found.attr.ino);
    return true;
  }

  #add({ name, kind }: DirEntry, next: number, headBytes: number): boolean {
    const nameBytes = Buffer.byteLength(name);
    const bytes = headBytes + ((DIRENT_BYTES + nameBytes + 7) & ~7);
    if (this.#used + bytes > this.#bytes.length) return false;
    const at = this.#used + headBytes;
    const word = at >>> 2;
    // The number is only told, never used to find the file; 0 would hide the entry.
    writeLong(this.#words, word, 1);
    writeLong(this.#words, word + 2, next);
    this.#words[word + 4] = nameBytes;
    this.#words[word + 5] = kind === 'directory' ? DT_DIR : DT_REG;
    this.#bytes.write(name, at + DIRENT_BYTES);
    this.#used += bytes;
    return true;
  }
}
