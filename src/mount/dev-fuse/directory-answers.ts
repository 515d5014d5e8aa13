import type { DirEntry } from '../directory-reader.js';
import type { Node } from '../node.js';
import type { Entry } from '../entry.js';
import type { VirtualFs } from '../virtual-fs.js';
import { DirentBuffer } from './dirent-buffer.js';
import { EntriesAhead, entryOf, type OpenDirectory } from './entries-ahead.js';
import type { Inode, InodeTable } from './inode-table.js';
import type { EntryOut } from './reply-codec.js';

/** Where a reader of an open directory goes on, and how much it takes. */
export interface Reading {
  readonly handle: number;
  readonly offset: number;
  readonly size: number;
}

type Directories = Pick<VirtualFs, 'readdir' | 'peekEntry'>;

const DOTS: readonly DirEntry[] = [
  { name: '.', kind: 'directory' },
  { name: '..', kind: 'directory' },
];

/** The first answer is a short one, so that the reader has something to do while the next is prepared. */
const FIRST_BYTES = 32 * 1024;

/** Answers to READDIR and READDIRPLUS. An offset is a place in the directory, the dots included. */
export class DirectoryAnswers {
  readonly #vfs: Directories;
  readonly #inodes: InodeTable;
  readonly #ahead: EntriesAhead;
  /** Answers are sent one after the other, each before the next is made. */
  #memory = Buffer.alloc(0);

  constructor(vfs: Directories, inodes: InodeTable) {
    this.#vfs = vfs;
    this.#inodes = inodes;
    this.#ahead = new EntriesAhead((directory, place) => this.#look(directory, place));
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
  entries(node: Node, { handle, offset, size }: Reading): Uint8Array {
    const room = offset === 0 ? Math.min(size, FIRST_BYTES) : size;
    const buffer = this.#buffer(room);
    const directory = { node, listed: this.#vfs.readdir(handle) };
    const parent = this.#inodes.directory(node);
    const ahead = this.#ahead.take(handle);
    let place = offset;
    for (; ; place += 1) {
      const entry = entryAt(directory.listed, place);
      if (entry === undefined) return buffer.bytes;
      if (!buffer.hasRoomPlus(entry)) break;
      const found = (ahead && entryOf(ahead, place)) ?? this.#look(directory, place);
      buffer.addPlus(entry, place, found && this.#told(found, entry.name, parent));
    }
    this.#ahead.prepare(handle, directory, place, Math.ceil(((place - offset) * size) / room));
    return buffer.bytes;
  }

  #look({ node, listed }: OpenDirectory, place: number): Entry | undefined {
    const entry = place < DOTS.length ? undefined : entryAt(listed, place);
    return entry && this.#vfs.peekEntry(node, entry.name);
  }

  /** Counts as a lookup. */
  #told(found: Entry, name: string, parent: Inode | undefined): EntryOut {
    const { attr, nameTtlMs, attrTtlMs } = found;
    return { nodeId: this.#inodes.refer(found, name, parent).id, attr, nameTtlMs, attrTtlMs };
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
