import type { DirEntry } from '../directory-reader.js';
import { ENTRY_BYTES, type EntryOut, wordsOf, writeEntry, writeLong } from './reply-codec.js';

const DIRENT_BYTES = 24;
const ENTRY_WORDS = ENTRY_BYTES / 4;
const DT_DIR = 4;
const DT_REG = 8;

/** Collects directory entries in memory that may hold something else, until it is full. */
export class DirentBuffer {
  readonly #bytes: Buffer;
  readonly #words: Uint32Array;
  #used = 0;

  constructor(memory: Buffer) {
    this.#bytes = memory;
    this.#words = wordsOf(memory);
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#used);
  }

  /** `fuse_dirent`. `place`: which entry it is; readers go on behind it. False: there is no room. */
  add(entry: DirEntry, place: number): boolean {
    return this.#add(entry, place, 0);
  }

  /** `fuse_direntplus`. `tell`: what a LOOKUP would answer; called only if there is room. */
  addPlus(
    entry: DirEntry,
    place: number,
    tell: (entry: DirEntry, place: number) => EntryOut | undefined,
  ): boolean {
    const at = this.#used >>> 2;
    if (!this.#add(entry, place, ENTRY_BYTES)) return false;
    const found = tell(entry, place);
    if (found === undefined) {
      this.#words.fill(0, at, at + ENTRY_WORDS);
    } else {
      writeEntry(this.#words, at, found);
      writeLong(this.#words, at + ENTRY_WORDS, found.attr.ino);
    }
    return true;
  }

  #add({ name, kind }: DirEntry, place: number, headBytes: number): boolean {
    const nameBytes = Buffer.byteLength(name);
    const bytes = headBytes + ((DIRENT_BYTES + nameBytes + 7) & ~7);
    if (this.#used + bytes > this.#bytes.length) return false;
    const at = this.#used + headBytes;
    const word = at >>> 2;
    // The number is only told, never used to find the file; 0 would hide the entry.
    writeLong(this.#words, word, 1);
    writeLong(this.#words, word + 2, place + 1);
    this.#words[word + 4] = nameBytes;
    this.#words[word + 5] = kind === 'directory' ? DT_DIR : DT_REG;
    this.#used += bytes;
    // Whatever follows the name is zeros.
    writeLong(this.#words, (this.#used >>> 2) - 2, 0);
    this.#bytes.write(name, at + DIRENT_BYTES);
    return true;
  }
}
