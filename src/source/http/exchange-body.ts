/**
 * The body of one response, between the connection that pushes it and its reader. Chunks go straight
 * from the read buffer into the sink. Before `drain` is called, they are kept: the first one where it lies
 * until this turn of the event loop is over, because most bodies are drained at once; later copies of up to
 * `HIGH_WATER_BYTES`, so that a small body frees its connection even if it is not read for long.
 */
import type { BufferProvider, BodySink } from '../response.js';

const HIGH_WATER_BYTES = 1024 * 1024;
/** What a copy takes beside its bytes, which may be one. */
const COPY_BYTES = 256;

export class ExchangeBody {
  readonly #onCancel: (reason: unknown) => void;
  #state: 'open' | 'ended' | 'failed' = 'open';
  /** Whether it failed because the sink threw. */
  hasSinkFailed = false;
  #failure: unknown;
  #sink: BodySink | undefined;
  #nextBuffer: BufferProvider | undefined;
  #isSinkBusy = false;
  /** In the connection's memory; `#release` gives it back. */
  #lent: Uint8Array | undefined;
  #release: (() => void) | undefined;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;
  #settle: (() => void) | undefined;

  /** `onCancel` is called once, when the rest is cancelled before the end. */
  constructor(onCancel: (reason: unknown) => void) {
    this.#onCancel = onCancel;
  }

  /** Whether a sink could take more at once. */
  get isWaiting(): boolean {
    return this.#sink !== undefined && !this.#isSinkBusy;
  }

  /** Pushes the whole body into `sink`; may be called once. Resolves where the message ends, and only there. */
  async drain(sink: BodySink, nextBuffer?: BufferProvider): Promise<void> {
    try {
      for (let chunk = this.#next(); chunk !== undefined; chunk = this.#next()) {
        const wait = sink(chunk);
        if (wait !== undefined) await wait;
        if (this.#keptBytes < HIGH_WATER_BYTES / 2) this.#giveBack();
      }
    } catch (error) {
      this.#onSinkFailure(error);
      throw error;
    }
    if (this.#state === 'open') {
      await new Promise<void>((resolve) => {
        this.#settle = resolve;
        this.#sink = sink;
        this.#nextBuffer = nextBuffer;
      });
    }
    if (this.#state === 'failed') throw this.#failure;
  }

  /** Where the next bytes may be read to, if the reader offers memory now. */
  nextBuffer(): Uint8Array | undefined {
    return this.#state === 'open' && this.isWaiting ? this.#nextBuffer?.() : undefined;
  }

  /** Gives the rest up. */
  cancel(given?: unknown): void {
    if (this.#state !== 'open') return;
    const reason = given ?? new Error('cancelled');
    this.#lent = undefined;
    this.#kept = [];
    this.fail(reason);
    this.#onCancel(reason);
  }

  /** Takes the next bytes; their memory is needed until the promise, if there is one, resolves. */
  push(chunk: Uint8Array): void | Promise<void> {
    if (this.#state !== 'open') return undefined;
    if (this.#sink !== undefined) return this.#pushToSink(this.#sink, chunk);
    if (this.#kept.length === 0) {
      this.#lent = chunk;
      setImmediate(() => this.#keepLent());
    } else {
      this.#keep(chunk);
      if (this.#keptBytes < HIGH_WATER_BYTES) return undefined;
    }
    return new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.#settle?.();
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#giveBack();
    this.#settle?.();
  }

  #pushToSink(sink: BodySink, chunk: Uint8Array): void | Promise<void> {
    try {
      const wait = sink(chunk);
      return wait === undefined ? undefined : this.#awaitSink(wait);
    } catch (error) {
      this.#onSinkFailure(error);
      return undefined;
    }
  }

  async #awaitSink(wait: Promise<void>): Promise<void> {
    this.#isSinkBusy = true;
    try {
      await wait;
    } catch (error) {
      this.#onSinkFailure(error);
    }
    this.#isSinkBusy = false;
  }

  #onSinkFailure(error: unknown): void {
    this.hasSinkFailed = true;
    this.cancel(error);
  }

  #next(): Uint8Array | undefined {
    const chunk = this.#lent ?? this.#kept.shift();
    if (this.#lent === undefined && chunk !== undefined) this.#keptBytes -= chunk.byteLength + COPY_BYTES;
    this.#lent = undefined;
    return chunk;
  }

  #keepLent(): void {
    if (this.#lent === undefined) return;
    this.#keep(this.#lent);
    this.#lent = undefined;
    if (this.#keptBytes < HIGH_WATER_BYTES) this.#giveBack();
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
