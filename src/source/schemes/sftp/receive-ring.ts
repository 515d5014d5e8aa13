/** The memory that the socket of a connection is received into. */
import type { OnReadOpts, Socket } from 'node:net';

/** Of a connection that is being made. */
const OWN_BYTES = 16 * 1024;
/**
 * Of one that is made. Each has the bytes of one read, for as many more reads: ssh2 decrypts in them, and keeps no part of them,
 * but for a new exchange of keys, during which the server sends nothing else. If it was overwritten, the exchange would fail.
 */
const BUFFERS = 8;
const BUFFER_BYTES = 128 * 1024;

/**
 * Without it each read has memory of its own, a hundred thousand times 64 KiB for a few GiB, whose collection costs as much as
 * the encryption.
 */
export class ReceiveRing {
  /** To connect with. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#nextBuffer(),
    callback: (bytes, buffer) => this.#onChunk(Buffer.from(buffer.buffer, buffer.byteOffset, bytes)),
  };
  #socket: Socket | undefined;
  #early: Buffer | undefined;
  #buffers: Uint8Array[] | undefined;
  #next = 0;

  /** The socket that was connected with `onread`: its chunks come as of any other, as `data`, once it is resumed. */
  follow(socket: Socket): void {
    this.#socket = socket.once('resume', () => {
      const early = this.#early;
      this.#early = undefined;
      if (early !== undefined) socket.emit('data', early);
    });
  }

  /** From now on the memory of a chunk is used again. */
  reuse(): void {
    this.#buffers ??= Array.from({ length: BUFFERS }, () => new Uint8Array(BUFFER_BYTES));
  }

  #nextBuffer(): Uint8Array {
    this.#next = (this.#next + 1) % BUFFERS;
    return this.#buffers?.[this.#next] ?? new Uint8Array(OWN_BYTES);
  }

  /** Returns whether to read on. */
  #onChunk(chunk: Buffer): boolean {
    if (this.#socket?.emit('data', chunk) === true) return true;
    this.#early = chunk;
    return false;
  }
}
