import { InterruptedError } from '../source/index.js';

/**
 * A few buffers for reads that cannot keep all of their blocks in memory at the same time. They are used again,
 * and a read that finds none waits for its turn: many such readers must not take the memory that is short already.
 */
export class ScratchBuffers {
  readonly #bufferBytes: number;
  readonly #free: (Uint8Array | undefined)[];
  readonly #waiting: ((buffer: Uint8Array | undefined) => void)[] = [];

  /** `count` buffers, made when they are needed; of `bufferBytes`, unless more is requested. */
  constructor(count: number, bufferBytes: number) {
    this.#bufferBytes = bufferBytes;
    this.#free = Array.from({ length: count }, () => undefined);
  }

  /** Lends `bytes` of memory to `work` until it has settled. Rejects with `InterruptedError` while it waits. */
  async use<Result>(
    bytes: number,
    url: string,
    signal: AbortSignal | undefined,
    work: (buffer: Uint8Array) => Promise<Result>,
  ): Promise<Result> {
    let buffer = this.#free.length > 0 ? this.#free.pop() : await this.#turn(url, signal);
    try {
      if (buffer === undefined || buffer.byteLength < bytes) {
        buffer = Buffer.allocUnsafeSlow(Math.max(bytes, this.#bufferBytes));
      }
      return await work(buffer.subarray(0, bytes));
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(buffer);
      else next(buffer);
    }
  }

  #turn(url: string, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(onTurn), 1);
        reject(new InterruptedError(url, signal?.reason));
      };
      const onTurn = (buffer: Uint8Array | undefined): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(buffer);
      };
      if (signal?.aborted === true) {
        reject(new InterruptedError(url, signal.reason));
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(onTurn);
    });
  }
}
