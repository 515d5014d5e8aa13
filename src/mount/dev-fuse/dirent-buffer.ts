import type { DirEntry } from '../directory-reader.js';
import { ENTRY_BYTES, type EntryOut, wordsOf, writeEntry, writeLong } from './reply-codec.js';

/** `fuse_dirent` without the name. */
export const DIRENT_BYTES = 24;
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
    const at = this.#used + headBytes;
    const nameBytes = this.#writeName(name, at + DIRENT_BYTES);
    if (nameBytes === undefined) return false;
    const word = at >>> 2;
    // The number is only told, never used to find the file; 0 would hide the entry.
    writeLong(this.#words, word, 1);
    writeLong(this.#words, word + 2, place + 1);
    this.#words[word + 4] = nameBytes;
    this.#words[word + 5] = kind === 'directory' ? DT_DIR : DT_REG;
    this.#used = at + aligned(DIRENT_BYTES + nameBytes);
    return true;
  }

  /** The name, and zeros until the next entry may begin; its length, or undefined if there is no room. */
  #writeName(name: string, at: number): number | undefined {
    const bytes = this.#bytes;
    if (at + aligned(name.length) > bytes.length) return undefined;
    // Most names are short, and of ASCII: a call of a method that encodes takes longer than this.
    let length = 0;
    while (length < name.length) {
      const code = name.charCodeAt(length);
      if (code > 0x7f) break;
      bytes[at + length] = code;
      length += 1;
    }
    if (length < name.length) {
      length = Buffer.byteLength(name);
      if (at + aligned(length) > bytes.length) return undefined;
      bytes.write(name, at);
    }
    for (let end = at + length; (end & 7) !== 0; end += 1) bytes[end] = 0;
    return length;
  }
}

/** Entries begin at multiples of 8. */
function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}
