import { constants } from 'node:fs';

import type { FuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
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

/** The kernel's part: requests as Linux writes them, one after the other (include/uapi/linux/fuse.h). */
export class RehearsalKernel implements FuseDevice {
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #onRequest: (message: Buffer) => void = () => undefined;
  #end: () => void = () => undefined;
  #unique = 0;

  serve(onRequest: (message: Buffer) => void): Promise<void> {
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
    const body = Buffer.alloc(40);
    body.writeUInt32LE(handle, 0);
    body.writeBigUInt64LE(BigInt(offset), 8);
    body.writeUInt32LE(size, 16);
    const { errno, payload } = await this.#call(OPCODE.READ, node, body);
    const bytes = payload.reduce((sum, part) => sum + part.byteLength, 0);
    if (bytes !== size) throw new Error(`the rehearsal read ${bytes} bytes of ${size}: errno ${errno}`);
  }

  async release({ node, handle }: RehearsedFile): Promise<void> {
    const body = Buffer.alloc(24);
    body.writeUInt32LE(handle, 0);
    await this.#call(OPCODE.RELEASE, node, body);
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
    const unique = (this.#unique += 1);
    const message = Buffer.alloc(REQUEST_HEADER_BYTES + body.length);
    message.writeUInt32LE(message.length, 0);
    message.writeUInt32LE(opcode, 4);
    message.writeUInt32LE(unique, 8);
    message.writeUInt32LE(node, 16);
    message.writeUInt32LE(process.pid, 32);
    body.copy(message, REQUEST_HEADER_BYTES);
    return new Promise((resolve) => {
      this.#waiting.set(unique, resolve);
      this.#onRequest(message);
    });
  }
}

function numberAt([first]: readonly Uint8Array[], offset: number): number {
  return first === undefined ? 0 : Buffer.from(first.buffer, first.byteOffset + offset, 4).readUInt32LE(0);
}
