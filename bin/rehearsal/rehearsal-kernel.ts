import { constants } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { DIRENT_BYTES } from '../../src/mount/dev-fuse/dirent-buffer.js';
import type { FuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
import { ENTRY_BYTES } from '../../src/mount/dev-fuse/reply-codec.js';
import type { OnRequest } from '../../src/mount/dev-fuse/request-reader.js';
import {
  INIT_FLAG,
  KERNEL_MINOR_VERSION,
  KERNEL_VERSION,
  OPCODE,
  REPLY_HEADER_BYTES,
  REQUEST_HEADER_BYTES,
  ROOT_ID,
} from '../../src/mount/dev-fuse/protocol.js';

interface Answer {
  readonly errno: number;
  readonly payload: readonly Uint8Array[];
}

export interface RehearsedFile {
  readonly node: number;
  readonly handle: number;
}

/** `attr.mode` in `fuse_entry_out`. */
const ENTRY_MODE_AT = 100;
/** `fuse_forget_one`. */
const FORGET_BYTES = 16;
/** What a reader of a directory takes at once. */
const LIST_BYTES = 32 * 1024;

/** The kernel's part: requests as Linux writes them, one after the other (include/uapi/linux/fuse.h). */
export class RehearsalKernel implements FuseDevice {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #onRequest: OnRequest = () => false;
  #end: () => void = () => undefined;
  #unique = 0;

  serve(onRequest: OnRequest): Promise<void> {
    this.#onRequest = onRequest;
    return new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The connection is over. */
  end(): void {
    this.#end();
  }

  reply([header, ...payload]: readonly Uint8Array[]): void {
    if (header === undefined) return;
    const view = Buffer.from(header.buffer, header.byteOffset, header.byteLength);
    if (view.length < REPLY_HEADER_BYTES) return;
    const unique = view.readUInt32LE(8);
    // What is longer is content, whose memory is used again.
    this.#waiting.get(unique)?.({ errno: -view.readInt32LE(4), payload });
    this.#waiting.delete(unique);
  }

  notify(): Promise<void> {
    return Promise.resolve();
  }

  /** INIT. */
  async greet(): Promise<void> {
    const body = Buffer.alloc(64);
    body.writeUInt32LE(KERNEL_VERSION, 0);
    body.writeUInt32LE(KERNEL_MINOR_VERSION, 4);
    body.writeUInt32LE(INIT_FLAG.MAX_PAGES, 12);
    await this.#call(OPCODE.INIT, 0, body);
  }

  /** Walks to the last name and opens it, again where that turns out to be a file. */
  async open(path: readonly string[]): Promise<RehearsedFile> {
    let found = await this.#walk(path);
    if (found.isDirectory) {
      await this.#call(OPCODE.OPENDIR, found.node, Buffer.alloc(8));
      found = await this.#walk(path);
    }
    const { errno, payload } = await this.#call(OPCODE.OPEN, found.node, Buffer.alloc(8));
    if (errno !== 0) throw new Error(`the rehearsal cannot open ${path.join('/')}: errno ${errno}`);
    return { node: found.node, handle: numberAt(payload, 0) };
  }

  async read({ node, handle }: RehearsedFile, offset: number, size: number): Promise<void> {
    const { errno, payload } = await this.#call(OPCODE.READ, node, readBody(handle, offset, size));
    const bytes = payload.reduce((sum, part) => sum + part.byteLength, 0);
    if (bytes !== size) throw new Error(`the rehearsal read ${bytes} bytes of ${size}: errno ${errno}`);
  }

  async release({ node, handle }: RehearsedFile): Promise<void> {
    await this.#call(OPCODE.RELEASE, node, releaseBody(handle));
  }

  /** Lists a directory with attributes, as `ls -l` does, and forgets what it was told. */
  async list(path: readonly string[]): Promise<void> {
    const { node } = await this.#walk(path);
    const flags = Buffer.alloc(8);
    flags.writeUInt32LE(constants.O_DIRECTORY, 0);
    const { payload } = await this.#call(OPCODE.OPENDIR, node, flags);
    const handle = numberAt(payload, 0);
    const told: number[] = [];
    for (let [place, hasMore, answers] = [0, true, 0]; hasMore; answers += 1) {
      // What comes next is prepared for a reader that takes its time.
      if (answers % 4 !== 0) await nextTurn();
      const entries = (await this.#call(OPCODE.READDIRPLUS, node, readBody(handle, place, LIST_BYTES)))
        .payload;
      const before = place;
      for (const id of entriesOf(entries)) {
        place += 1;
        if (id !== 0) told.push(id);
      }
      hasMore = place > before;
    }
    await this.#call(OPCODE.READDIR, node, readBody(handle, 0, LIST_BYTES));
    await this.#call(OPCODE.RELEASEDIR, node, releaseBody(handle));
    this.#forget(told);
  }

  /** What programs ask of a file besides its content. */
  async look(path: readonly string[]): Promise<void> {
    const { node } = await this.#walk(path);
    await this.#call(OPCODE.GETATTR, node, Buffer.alloc(16));
    await this.#call(OPCODE.GETXATTR, node, Buffer.concat([Buffer.alloc(8), Buffer.from('user.none\0')]));
    await this.#call(OPCODE.STATFS, node, Buffer.alloc(0));
    await this.#call(OPCODE.FLUSH, node, Buffer.alloc(24));
    this.#tell(OPCODE.FORGET, node, forgetBody(1));
  }

  #forget(nodes: readonly number[]): void {
    const body = Buffer.alloc(8 + nodes.length * FORGET_BYTES);
    body.writeUInt32LE(nodes.length, 0);
    for (const [i, node] of nodes.entries()) {
      body.writeUInt32LE(node, 8 + i * FORGET_BYTES);
      body.writeUInt32LE(1, 16 + i * FORGET_BYTES);
    }
    this.#tell(OPCODE.BATCH_FORGET, 0, body);
  }

  async #walk(path: readonly string[]): Promise<{ node: number; isDirectory: boolean }> {
    let [node, mode] = [ROOT_ID, constants.S_IFDIR];
    for (const name of path) {
      const { errno, payload } = await this.#call(OPCODE.LOOKUP, node, Buffer.from(`${name}\0`));
      if (errno !== 0) throw new Error(`the rehearsal cannot find ${name}: errno ${errno}`);
      node = numberAt(payload, 0);
      mode = numberAt(payload, ENTRY_MODE_AT);
    }
    return { node, isDirectory: (mode & constants.S_IFMT) === constants.S_IFDIR };
  }

  #call(opcode: number, node: number, body: Buffer): Promise<Answer> {
    return new Promise((resolve) => {
      this.#waiting.set(this.#unique + 1, resolve);
      this.#tell(opcode, node, body);
    });
  }

  #tell(opcode: number, node: number, body: Buffer): void {
    this.#unique += 1;
    const message = Buffer.alloc(REQUEST_HEADER_BYTES + body.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt32LE(opcode, 4);
    message.writeUInt32LE(this.#unique, 8);
    message.writeUInt32LE(node, 16);
    message.writeUInt32LE(process.pid, 32);
    body.copy(message, REQUEST_HEADER_BYTES);
    this.#onRequest(message);
  }
}

/** `fuse_read_in`. */
function readBody(handle: number, offset: number, size: number): Buffer {
  const body = Buffer.alloc(40);
  body.writeUInt32LE(handle, 0);
  body.writeBigUInt64LE(BigInt(offset), 8);
  body.writeUInt32LE(size, 16);
  return body;
}

/** `fuse_release_in`. */
function releaseBody(handle: number): Buffer {
  const body = Buffer.alloc(24);
  body.writeUInt32LE(handle, 0);
  return body;
}

/** `fuse_forget_in`. */
function forgetBody(lookups: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(lookups, 0);
  return body;
}

/** The node of each `fuse_direntplus`; 0 where none is told. */
function* entriesOf([bytes]: readonly Uint8Array[]): Generator<number> {
  if (bytes === undefined) return;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < view.length;) {
    yield view.readUInt32LE(at);
    const nameBytes = view.readUInt32LE(at + ENTRY_BYTES + 16);
    at += ENTRY_BYTES + ((DIRENT_BYTES + nameBytes + 7) & ~7);
  }
}

function numberAt([first]: readonly Uint8Array[], offset: number): number {
  return first === undefined ? 0 : Buffer.from(first.buffer, first.byteOffset + offset, 4).readUInt32LE(0);
}
