import type { DirEntry } from '../directory-reader.js';
import type { VirtualFs } from '../virtual-fs.js';
import { DirentBuffer } from './dirent-buffer.js';
import type { Inode, InodeTable } from './inode-table.js';

/** A READDIR: from which place on, and how many bytes. */
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

/** Replies to READDIR and READDIRPLUS. An offset is a place in the directory, with `.` and `..`. */
export class ReaddirReplies {
  readonly #vfs: Directories;
  readonly #inodes: InodeTable;
  /** Each reply is sent before the next is made. */
  #memory = Buffer.alloc(0);

  constructor(vfs: Directories, inodes: InodeTable) {
    this.#vfs = vfs;
    this.#inodes = inodes;
  }

  /** For READDIR. Valid until the next reply is made. */
  names({ handle, offset, size }: Reading): Uint8Array {
    const buffer = this.#buffer(size);
    const listed = this.#vfs.readdir(handle);
    for (let place = offset; ; place += 1) {
      const entry = entryAt(listed, place);
      if (entry === undefined || !buffer.add(entry, place)) return buffer.bytes;
    }
  }

  /** For READDIRPLUS: each name with the result of its LOOKUP, if that needs no query. Valid as `names` is. */
  entries(parent: Inode, { handle, offset, size }: Reading): Uint8Array {
    const buffer = this.#buffer(size);
    const listed = this.#vfs.readdir(handle);
    for (let place = offset; ; place += 1) {
      const entry = entryAt(listed, place);
      if (entry === undefined || !buffer.hasRoomPlus(entry)) return buffer.bytes;
      const found = place < DOTS.length ? undefined : this.#vfs.peekEntry(parent.node, entry.name);
      // Counts as a lookup.
      buffer.addPlus(entry, place, found, found && this.#inodes.refer(found, entry.name, parent).id);
    }
  }

  #buffer(size: number): DirentBuffer {
    if (this.#memory.length < size) this.#memory = Buffer.alloc(size);
    return new DirentBuffer(this.#memory.subarray(0, size));
  }
}

function entryAt(listed: readonly DirEntry[], place: number): DirEntry | undefined {
  if (place < DOTS.length) return DOTS[place];
  // V8 deoptimizes code that reads behind the end of an array.
  const index = place - DOTS.length;
  return index < listed.length ? listed[index] : undefined;
}
