import { SourceError } from '../source/index.js';

/** The kernel repeats the read at once; on a busy machine that may take a moment. */
const REPEATED_MS = 1_000;

/**
 * The last reads of one open file that timed out. When its readahead fails, the kernel reads the page that the caller
 * waits for once more: that read fails at once, or the caller would wait for two deadlines.
 */
export class RecentTimeouts {
  #start = 0;
  #end = 0;
  #error: SourceError | undefined;
  #untilMs = -Infinity;

  /** Throws the error of the last read of `[offset, offset + length)`, if it was a moment ago. */
  check(offset: number, length: number): void {
    if (this.#error === undefined) return;
    if (performance.now() >= this.#untilMs) this.#error = undefined;
    else if (offset < this.#end && offset + length > this.#start) throw this.#error;
  }

  add(error: unknown, offset: number, length: number): void {
    if (!(error instanceof SourceError) || error.code !== 'TIMEOUT') return;
    const isFirst = this.#error === undefined;
    this.#start = isFirst ? offset : Math.min(this.#start, offset);
    this.#end = isFirst ? offset + length : Math.max(this.#end, offset + length);
    this.#error = error;
    this.#untilMs = performance.now() + REPEATED_MS;
  }
}
