/**
 * The body of one response, between the connection that brings it and its reader. Chunks are copied from the connection's
 * memory into the reader's target, or lie there already. While nothing is read, they are kept: the first one where it lies
 * until this turn of the event loop is over, because most bodies are read at once; later copies of up to
 * `maxKeptBytes`, so that a small body frees its connection even if it is not read for long.
 */
import type { BodyTarget } from '../body-target.js';
import { TargetCursor } from '../target-cursor.js';

export const MAX_KEPT_BYTES = 1024 * 1024;
/** What a copy takes beside its bytes, which may be one. */
const COPY_BYTES = 256;

interface Reading {
  readonly cursor: TargetCursor;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

/** A body as a connection hands it over. */
export interface IncomingBody {
  /** Its reader waits for bytes. */
  readonly isReading: boolean;
  /** As `BodyReader.read`: ends only where the message ends; anything else rejects. */
  read(target: BodyTarget): Promise<number>;
  /** The rest is not read, or does not come; to no effect when all has come. */
  fail(error: unknown): void;
}

export class ExchangeBody implements IncomingBody {
  readonly #maxKeptBytes: number;
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: unknown;
  #reading: Reading | undefined;
  /** In the connection's memory; `#release` gives it back. */
  #lent: Uint8Array | undefined;
  #release: (() => void) | undefined;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  /** `maxKeptBytes` 0: what is not read stays in the connection's memory. */
  constructor(maxKeptBytes = MAX_KEPT_BYTES) {
    this.#maxKeptBytes = maxKeptBytes;
  }

  get isReading(): boolean {
    return this.#reading !== undefined;
  }

  read(target: BodyTarget): Promise<number> {
    return new Promise((resolve, reject) => {
      const cursor = new TargetCursor(target);
      this.#takeKept(cursor);
      if (cursor.isEnough || this.#state === 'ended') resolve(cursor.bytes);
      else if (this.#state === 'failed') reject(this.#failure);
      else this.#reading = { cursor, resolve, reject };
      if (this.#lent === undefined && this.#keptBytes <= this.#maxKeptBytes / 2) this.#giveBack();
    });
  }

  /** Where the next bytes may be received, if the reader waits for them. */
  nextBuffer(): Uint8Array | undefined {
    return this.#reading?.cursor.room;
  }

  /** Takes the next bytes; their memory is needed until the promise, if there is one, resolves. */
  push(chunk: Uint8Array): void | Promise<void> {
    if (this.#state !== 'open') return undefined;
    const taken = this.#fill(chunk);
    if (taken === chunk.byteLength) return undefined;
    const rest = chunk.subarray(taken);
    if (this.#kept.length === 0) {
      this.#lent = rest;
      if (this.#maxKeptBytes > 0) setImmediate(() => this.#keepLent());
    } else {
      this.#keep(rest);
      if (this.#keptBytes < this.#maxKeptBytes) return undefined;
    }
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.resolve(reading.cursor.bytes);
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#keepLent();
    const reading = this.#reading;
    this.#reading = undefined;
    this.#giveBack();
    reading?.reject(error);
  }

  #fill(chunk: Uint8Array): number {
    const reading = this.#reading;
    if (reading === undefined) return 0;
    const { cursor, resolve } = reading;
    const taken = cursor.take(chunk);
    if (cursor.isEnough) {
      this.#reading = undefined;
      resolve(cursor.bytes);
    }
    return taken;
  }

  #takeKept(cursor: TargetCursor): void {
    for (let next = this.#lent ?? this.#kept[0]; next !== undefined; next = this.#kept[0]) {
      const taken = cursor.take(next);
      const rest = taken === next.byteLength ? undefined : next.subarray(taken);
      if (next === this.#lent) {
        this.#lent = rest;
      } else {
        this.#keptBytes -= taken;
        if (rest === undefined) this.#keptBytes -= COPY_BYTES;
        if (rest === undefined) this.#kept.shift();
        else this.#kept[0] = rest;
      }
      if (rest !== undefined) return;
    }
  }

  #keepLent(): void {
    if (this.#lent === undefined) return;
    this.#keep(this.#lent);
    this.#lent = undefined;
    if (this.#keptBytes < this.#maxKeptBytes) this.#giveBack();
  }

  #keep(chunk: Uint8Array): void {
    this.#kept.push(Buffer.from(chunk));
    this.#keptBytes += chunk.byteLength + COPY_BYTES;
  }

  #giveBack(): void {
    this.#release?.();
    this.#release = undefined;
  }
}
