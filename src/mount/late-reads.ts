import { SourceError } from '../source/index.js';

/** The kernel asks again at once; on a busy machine that may take a moment. */
const REPEATED_MS = 1_000;

/**
 * Reads of one open file that have just timed out. When its readahead fails, the kernel asks again for the
 * page that the caller waits for, who would have to wait for a second deadline: that one is told the same.
 */
export class LateReads {
  #start = 0;
  #end = 0;
  #error: SourceError | undefined;
  #untilMs = -Infinity;

  /** Throws what `[offset, offset + length)` failed with a moment ago. */
  check(offset: number, length: number): void {
    if (this.#error === undefined) return;
    if (performance.now() >= this.#untilMs) this.#error = undefined;
    else if (offset < this.#end && offset + length > this.#start) throw this.#error;
  }

  note(error: unknown, offset: number, length: number): void {
    if (!(error instanceof SourceError) || error.code !== 'TIMEOUT') return;
    const isFirst = this.#error === undefined;
    this.#start = isFirst ? offset : Math.min(this.#start, offset);
    this.#end = isFirst ? offset + length : Math.max(this.#end, offset + length);
    this.#error = error;
    this.#untilMs = performance.now() + REPEATED_MS;
  }
}
