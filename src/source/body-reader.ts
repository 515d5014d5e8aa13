/** Reads the body of a response into memory of the reader, part by part. */
import { checksumOf } from '../checksum.js';
import { drainBody, type Response } from './response.js';

/** Where the next bytes of a body go. The memory is the body's until `read` has settled, and never after that. */
export interface BodyTarget {
  /** Laid end to end; at least one, and none empty. What is shared between threads may be written by another one. */
  readonly pieces: readonly Uint8Array[];
  /** The first `bytes` bytes are there: more than at the last call. */
  readonly onBytes?: (bytes: number) => void;
  /** A piece is full, and this is `checksumOf` it. In ascending order, each before `onBytes` counts its last byte. */
  readonly onPiece?: (index: number, checksum: number) => void;
}

export interface BodyReader {
  /**
   * Reads until the target is full, or the body ends; resolves to how many bytes of it are there. Not to be called again before
   * that. Between two calls the sender is held up. Rejects with the errors of the source, and when the response is cancelled.
   */
  read(target: BodyTarget): Promise<number>;
}

/** The body must not be used otherwise. */
export function bodyReader(response: Response): BodyReader {
  return new DrainedBody(response);
}

/** One call of `read`. */
interface Reading {
  readonly target: BodyTarget;
  /** Where the next byte goes. */
  piece: number;
  at: number;
  bytes: number;
  readonly settle: (error?: unknown) => void;
}

/** Of a body that is pushed. */
class DrainedBody implements BodyReader {
  readonly #response: Response;
  #reading: Reading | undefined;
  #isDraining = false;
  #end: { readonly error?: unknown } | undefined;
  /** Lets the body go on. */
  #resume: (() => void) | undefined;

  constructor(response: Response) {
    this.#response = response;
  }

  read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      const settle = (error?: unknown): void => {
        this.#reading = undefined;
        if (error === undefined) resolve(reading.bytes);
        else reject(error);
      };
      const reading: Reading = { target, piece: 0, at: 0, bytes: 0, settle };
      this.#reading = reading;
      if (this.#end !== undefined) settle(this.#end.error);
      else if (this.#isDraining) this.#resume?.();
      else void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    try {
      await drainBody(
        this.#response,
        (chunk) => this.#take(chunk, 0),
        () => this.#offer(),
      );
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#reading?.settle(this.#end.error);
  }

  /** What is left of the piece that is being filled. */
  get #room(): Uint8Array | undefined {
    const reading = this.#reading;
    return reading?.target.pieces[reading.piece]?.subarray(reading.at);
  }

  /** With the pieces that lie right behind it. */
  #offer(): Uint8Array | undefined {
    const reading = this.#reading;
    const room = this.#room;
    if (reading === undefined || room === undefined) return undefined;
    let end = room.byteOffset + room.byteLength;
    for (const piece of reading.target.pieces.slice(reading.piece + 1)) {
      if (piece.buffer !== room.buffer || piece.byteOffset !== end) break;
      end += piece.byteLength;
    }
    return new Uint8Array(room.buffer, room.byteOffset, end - room.byteOffset);
  }

  /** Waits where the target is full. */
  #take(chunk: Uint8Array, from: number): void | Promise<void> {
    let at = from;
    while (at < chunk.byteLength) {
      const room = this.#room;
      if (room === undefined) return this.#takeLater(chunk, at);
      const bytes = Math.min(room.byteLength, chunk.byteLength - at);
      const isThere = chunk.buffer === room.buffer && chunk.byteOffset + at === room.byteOffset;
      if (!isThere) room.set(chunk.subarray(at, at + bytes));
      at += bytes;
      this.#advance(bytes);
    }
  }

  async #takeLater(chunk: Uint8Array, at: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
    this.#resume = undefined;
    await this.#take(chunk, at);
  }

  #advance(bytes: number): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    const { pieces, onBytes, onPiece } = reading.target;
    reading.bytes += bytes;
    reading.at += bytes;
    const piece = pieces[reading.piece];
    if (piece !== undefined && reading.at === piece.byteLength) {
      if (onPiece !== undefined) onPiece(reading.piece, checksumOf(piece));
      reading.piece += 1;
      reading.at = 0;
    }
    onBytes?.(reading.bytes);
    if (reading.piece === pieces.length) reading.settle();
  }
}
