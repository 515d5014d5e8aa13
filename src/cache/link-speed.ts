/**
 * How large requests are, and how much is fetched ahead, by how fast one connection was so far.
 *
 * A fast one keeps up alone: few, large requests. A slow one is helped by others beside it: the window that
 * a waiting reader widens is then cut into more and smaller requests, which run at the same time.
 */
const FAST_BYTES_PER_MS = 100_000;
const FAST = { requestBytes: 16 * 1024 * 1024, windowBytes: 16 * 1024 * 1024 };
const SLOW = { requestBytes: 4 * 1024 * 1024, windowBytes: 64 * 1024 * 1024 };
/** Less says more about latency than about speed. */
const MIN_MEASURED_BYTES = 512 * 1024;
const WEIGHT_OF_LATEST = 0.3;

export class LinkSpeed {
  #bytesPerMs: number | undefined;

  /** A request brought so many bytes, in so much time. */
  note(bytes: number, durationMs: number): void {
    if (bytes < MIN_MEASURED_BYTES) return;
    const latest = bytes / Math.max(durationMs, 0.01);
    const before = this.#bytesPerMs ?? latest;
    this.#bytesPerMs = before + (latest - before) * WEIGHT_OF_LATEST;
  }

  /** At most so much per request. */
  get requestBytes(): number {
    return this.#class.requestBytes;
  }

  /** At most so much ahead of a reader. */
  get windowBytes(): number {
    return this.#class.windowBytes;
  }

  get #class(): { readonly requestBytes: number; readonly windowBytes: number } {
    return (this.#bytesPerMs ?? 0) >= FAST_BYTES_PER_MS ? FAST : SLOW;
  }
}
