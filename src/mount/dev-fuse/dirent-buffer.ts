import { byteLengthOfText, bytesOfText } from '../../source/index.js';
import type { DirEntry } from '../open-directory.js';
import { ENTRY_BYTES, type EntryOut, wordsOf, writeEntry, writeLong } from './reply-codec.js';

type Name = Pick<DirEntry, 'name' | 'kind'>;

/** `fuse_dirent` without the name. */
export const DIRENT_BYTES = 24;
const ENTRY_WORDS = ENTRY_BYTES / 4;
/** Of a name, for a unit of UTF-16. */
const MAX_BYTES_PER_UNIT = 3;
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

  /** `fuse_dirent`. `offset`: where readers continue. False: there is no room. */
  add(entry: Name, offset: number): boolean {
    if (!this.#hasRoom(entry, 0)) return false;
    this.#add(entry, offset, this.#used);
    return true;
  }

  /** Whether `addPlus` has room. To be called before the entry is made, which counts as a lookup. */
  hasRoomPlus(entry: Name): boolean {
    return this.#hasRoom(entry, ENTRY_BYTES);
  }

  /** `fuse_direntplus`. `found`: the result of a LOOKUP; undefined: the kernel gets the name alone. */
  addPlus(entry: Name, offset: number, found?: EntryOut, nodeId = 0): void {
    const at = this.#used >>> 2;
    this.#add(entry, offset, this.#used + ENTRY_BYTES);
    if (found === undefined) {
      this.#words.fill(0, at, at + ENTRY_WORDS);
    } else {
      writeEntry(this.#words, at, nodeId, found);
      writeLong(this.#words, at + ENTRY_WORDS, found.attr.ino);
    }
  }

  #hasRoom({ name }: Name, headBytes: number): boolean {
    const roomBytes = this.#bytes.length - this.#used - headBytes - DIRENT_BYTES;
    if (aligned(name.length * MAX_BYTES_PER_UNIT) <= roomBytes) return true;
    return aligned(byteLengthOfText(name)) <= roomBytes;
  }

  #add({ name, kind }: Name, offset: number, at: number): void {
    const nameBytes = this.#writeName(name, at + DIRENT_BYTES);
    const word = at >>> 2;
    // The number is only reported, never used for a lookup; 0 would hide the entry.
    writeLong(this.#words, word, 1);
    writeLong(this.#words, word + 2, offset);
    this.#words[word + 4] = nameBytes;
    this.#words[word + 5] = kind === 'directory' ? DT_DIR : DT_REG;
    this.#used = at + aligned(DIRENT_BYTES + nameBytes);
  }

  /** The name, and zeros until the next entry may begin; returns its length. */
  #writeName(name: string, at: number): number {
    const bytes = this.#bytes;
    // Most names are short, and of ASCII: a call of a method that encodes takes longer than this.
    let length = 0;
    while (length < name.length) {
      const code = name.charCodeAt(length);
      if (code > 0x7f) break;
      bytes[at + length] = code;
      length += 1;
    }
    if (length < name.length) length = bytesOfText(name).copy(bytes, at);
    for (let end = at + length; (end & 7) !== 0; end += 1) bytes[end] = 0;
    return length;
  }
}

/** Entries begin at multiples of 8. */
function aligned(bytes: number): number {
  return (bytes + 7) & ~7;
}
