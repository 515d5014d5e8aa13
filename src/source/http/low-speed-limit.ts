/** So many bytes per second of a body are a slow link; fewer are a server that keeps its readers waiting. */
const MIN_BYTES_PER_SECOND = 1024;

/**
 * The low-speed limit of one download, with all its retries, as curl's --speed-limit and --speed-time: while a reader
 * waits for the body, what `MIN_BYTES_PER_SECOND` bring in `limitMs` must come in `limitMs`. Framing does not count,
 * nor does the time in which the receiver pauses.
 */
export class LowSpeedLimit {
  /** Counted up with each piece of the body. */
  receivedBytes = 0;
  readonly #limitMs: number;
  #waitedMs = 0;
  /** Of `receivedBytes`, when the time began to count. */
  #sinceBytes = 0;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** For how much longer may be waited. */
  get leftMs(): number {
    return Math.max(0, this.#limitMs - this.#waitedMs);
  }

  noteWait(ms: number): void {
    const enoughBytes = (MIN_BYTES_PER_SECOND * this.#limitMs) / 1_000;
    if (this.receivedBytes - this.#sinceBytes >= enoughBytes) {
      this.#sinceBytes = this.receivedBytes;
      this.#waitedMs = 0;
    } else {
      this.#waitedMs += ms;
    }
  }
}
