import type { BodyReader, BodyTarget } from './body-target.js';
import { TargetCursor } from './target-cursor.js';

interface Reading {
  readonly cursor: TargetCursor;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** Reads a body that comes in chunks of its sender's memory. */
export class IterableBody implements BodyReader {
  readonly #body: AsyncIterable<Uint8Array>;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  /** What is left of the last chunk. */
  #rest: Uint8Array | undefined;
  #reading: Reading | undefined;
  #isPulling = false;
  #end: 'orderly' | { readonly error: unknown } | undefined;

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body;
  }

  read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#reading = { cursor: new TargetCursor(target), resolve, reject };
      this.#fill();
    });
  }

  /** Nothing is written any more, however long the next chunk takes. */
  fail(error: unknown): void {
    this.#rest = undefined;
    this.#end ??= { error };
    this.#fill();
  }

  #fill(): void {
    const reading = this.#reading;
    if (reading === undefined) return;
    const { cursor } = reading;
    const rest = this.#rest;
    if (rest !== undefined) {
      const taken = cursor.take(rest);
      // `onBytes` may have cancelled it.
      if (this.#reading !== reading) return;
      this.#rest = taken < rest.byteLength ? rest.subarray(taken) : undefined;
    }
    if (!cursor.isEnough && this.#end === undefined) {
      if (!this.#isPulling) void this.#pull();
      return;
    }
    this.#reading = undefined;
    if (!cursor.isEnough && typeof this.#end === 'object') reading.reject(this.#end.error);
    else reading.resolve(cursor.bytes);
  }

  async #pull(): Promise<void> {
    this.#isPulling = true;
    try {
      this.#chunks ??= this.#body[Symbol.asyncIterator]();
      const { done, value } = await this.#chunks.next();
      if (done === true) this.#end ??= 'orderly';
      else if (this.#end === undefined) this.#rest = value;
    } catch (error) {
      this.#end ??= { error };
    }
    this.#isPulling = false;
    this.#fill();
  }
}
