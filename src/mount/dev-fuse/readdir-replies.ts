import type { Waiter } from '../../cache/resource-cache.js';
import type { DirEntry } from '../open-directory.js';
import type { VirtualFs } from '../virtual-fs.js';
import { DirentBuffer } from './dirent-buffer.js';
import type { Inode, InodeTable } from './inode-table.js';

/** A READDIR: from where on, and how many bytes. */
export interface Reading {
  readonly handle: number;
  readonly offset: number;
  readonly size: number;
}

type Directories = Pick<VirtualFs, 'readdir' | 'peekEntry'>;

const DOTS: readonly DirEntry[] = [
  { name: '.', kind: 'directory', place: -2 },
  { name: '..', kind: 'directory', place: -1 },
];

/** An offset is a place in the directory, behind `.` and `..`. */
export function placeOfOffset(offset: number): number {
  return Math.max(0, offset - DOTS.length);
}

/** Replies to READDIR and READDIRPLUS. */
export class ReaddirReplies {
  readonly #vfs: Directories;
  readonly #inodes: InodeTable;
  /** Each reply is sent before the next is made. */
  #memory = Buffer.alloc(0);
  /** Where the last reply ended. */
  #end = 0;

  constructor(vfs: Directories, inodes: InodeTable) {
    this.#vfs = vfs;
    this.#inodes = inodes;
  }

  /** The place behind what the last reply has. */
  get endPlace(): number {
    return placeOfOffset(this.#end);
  }

  /** Undefined: a reply can be made, in this step. */
  whenReady({ handle, offset }: Reading, waiter: Waiter): Promise<void> | undefined {
    return offset < DOTS.length ? undefined : this.#vfs.readdir(handle).whenAt(placeOfOffset(offset), waiter);
  }

  /** For READDIR. Valid until the next reply is made. */
  names(reading: Reading): Uint8Array {
    return this.#reply(reading, (buffer, entry, end) => buffer.add(entry, end));
  }

  /** For READDIRPLUS: each name with the result of its LOOKUP, if that needs no query. Valid as `names` is. */
  entries(parent: Inode, reading: Reading): Uint8Array {
    return this.#reply(reading, (buffer, entry, end) => {
      if (!buffer.hasRoomPlus(entry)) return false;
      const found =
        entry.place < 0 || this.#inodes.isFull ? undefined : this.#vfs.peekEntry(parent.node, entry.name);
      // Counts as a lookup.
      buffer.addPlus(entry, end, found, found && this.#inodes.refer(found, entry.name, parent).id);
      return true;
    });
  }

  #reply(
    { handle, offset, size }: Reading,
    add: (buffer: DirentBuffer, entry: DirEntry, end: number) => boolean,
  ): Uint8Array {
    if (this.#memory.length < size) this.#memory = Buffer.alloc(size);
    const buffer = new DirentBuffer(this.#memory.subarray(0, size));
    const directory = this.#vfs.readdir(handle);
    this.#end = offset;
    for (;;) {
      const entry = this.#end < DOTS.length ? DOTS[this.#end] : directory.entryAt(placeOfOffset(this.#end));
      const end = (entry?.place ?? 0) + DOTS.length + 1;
      if (entry === undefined || !add(buffer, entry, end)) return buffer.bytes;
      this.#end = end;
    }
  }
}
