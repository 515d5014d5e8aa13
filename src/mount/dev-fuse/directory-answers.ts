import type { DirEntry } from '../directory-reader.js';
import type { Node } from '../node.js';
import type { Entry, VirtualFs } from '../virtual-fs.js';
import { DirentBuffer } from './dirent-buffer.js';
import { EntriesAhead } from './entries-ahead.js';
import type { InodeTable } from './inode-table.js';
import type { EntryOut } from './reply-codec.js';

/** Where a reader of an open directory goes on, and how much it takes. */
export interface Reading {
  readonly handle: number;
  readonly offset: number;
  readonly size: number;
}

const DOTS: readonly DirEntry[] = [
  { name: '.', kind: 'directory' },
  { name: '..', kind: 'directory' },
];

/** The first answer is a short one, so that the reader has something to do while the next is prepared. */
const FIRST_BYTES = 32 * 1024;

/** Answers to READDIR and READDIRPLUS. An offset is a place in the directory, the dots included. */
export class DirectoryAnswers {
  readonly #vfs: VirtualFs;
  readonly #inodes: InodeTable;
  readonly #ahead = new EntriesAhead();
  /** Answers are sent one after the other, each before the next is made. */
  #memory = Buffer.alloc(0);

  constructor(vfs: VirtualFs, inodes: InodeTable) {
    this.#vfs = vfs;
    this.#inodes = inodes;
  }

  /** The names alone. Valid until the next answer is made. */
  names({ handle, offset, size }: Reading): Uint8Array {
    const buffer = this.#buffer(size);
    const listed = this.#vfs.readdir(handle);
    for (let place = offset; ; place += 1) {
      const entry = entryAt(listed, place);
      if (entry === undefined || !buffer.add(entry, place)) return buffer.bytes;
    }
  }

  /** The names, each with what a LOOKUP would answer, as far as nobody must be asked. Valid as `names` is. */
  entries(parent: Node, { handle, offset, size }: Reading): Uint8Array {
    const room = offset === 0 ? Math.min(size, FIRST_BYTES) : size;
    const buffer = this.#buffer(room);
    const listed = this.#vfs.readdir(handle);
    const look = (place: number): Entry | undefined => {
      const entry = place < DOTS.length ? undefined : entryAt(listed, place);
      return entry === undefined ? undefined : this.#vfs.peekEntry(parent, entry.name);
    };
    const prepared = this.#ahead.take(handle);
    const tell = ({ name }: DirEntry, place: number): EntryOut | undefined => {
      const found = prepared(place) ?? look(place);
      if (found === undefined) return undefined;
      return { nodeId: this.#inodes.refer(found, name).id, attr: found.attr, ttlMs: found.ttlMs };
    };
    let place = offset;
    for (; ; place += 1) {
      const entry = entryAt(listed, place);
      if (entry === undefined) return buffer.bytes;
      if (!buffer.addPlus(entry, place, tell)) break;
    }
    this.#ahead.prepare(handle, place, Math.ceil(((place - offset) * size) / room), look);
    return buffer.bytes;
  }

  release(handle: number): void {
    this.#ahead.drop(handle);
  }

  /** Something changed: what is prepared may be wrong. */
  changed(): void {
    this.#ahead.clear();
  }

  #buffer(size: number): DirentBuffer {
    if (this.#memory.length < size) this.#memory = Buffer.alloc(size);
    return new DirentBuffer(this.#memory.subarray(0, size));
  }
}

function entryAt(listed: readonly DirEntry[], place: number): DirEntry | undefined {
  if (place < DOTS.length) return DOTS[place];
  // V8 throws away the code that once read behind the end of an array.
  const index = place - DOTS.length;
  return index < listed.length ? listed[index] : undefined;
}
