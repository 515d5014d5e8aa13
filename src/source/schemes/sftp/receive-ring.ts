/** The memory that the socket of a connection is received into. */
import type { OnReadOpts, Socket } from 'node:net';

/**
 * Each has the bytes of one read, for as many more reads: ssh2 decrypts in them, and keeps no part of them, but for an exchange of
 * keys. Of that it keeps what came since its begin, during which the server sends nothing else.
 */
const BUFFERS = 8;
const BUFFER_BYTES = 128 * 1024;
/** Less is copied: an exchange of keys is some kilobytes, which may come in any number of reads. */
const SMALL_BYTES = 4 * 1024;

/**
 * Without it each read has memory of its own, a hundred thousand times 64 KiB for a few GiB, whose collection costs as much as
 * the encryption.
 */
export class ReceiveRing {
  /** To connect with. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#buffers[this.#at] ?? new Uint8Array(BUFFER_BYTES),
    callback: (bytes, buffer) => this.#onChunk(this.#chunkOf(bytes, buffer)),
  };
  readonly #buffers = Array.from({ length: BUFFERS }, () => new Uint8Array(BUFFER_BYTES));
  #at = 0;
  #isReused = false;
  #socket: Socket | undefined;
  #early: Buffer | undefined;

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
    this.#isReused = true;
  }

  #chunkOf(bytes: number, { buffer, byteOffset }: Uint8Array): Buffer {
    const chunk = Buffer.from(buffer, byteOffset, bytes);
    if (!this.#isReused || bytes < SMALL_BYTES) return Buffer.from(chunk);
    this.#at = (this.#at + 1) % BUFFERS;
    return chunk;
  }

  /** Returns whether to read on. */
  #onChunk(chunk: Buffer): boolean {
    if (this.#socket?.emit('data', chunk) === true) return true;
    this.#early = chunk;
    return false;
  }
}
