/**
 * How large requests are, and how much is fetched ahead, by how fast one connection is: a fast one serves any reader alone, by
 * few and large requests; beside a slow one others run at the same time, with smaller ones.
 */
const TARGET_BYTES_PER_MS = 400_000;
/** One that brings, and one that begins when the other ends. */
const MIN_CONNECTIONS = 2;
const MAX_CONNECTIONS = 16;
const LARGE_REQUEST_BYTES = 8 * 1024 * 1024;
const SMALL_REQUEST_BYTES = 4 * 1024 * 1024;
/** Less says more about latency than about speed. */
const MIN_MEASURED_BYTES = 512 * 1024;
/** What was seen counts less with each request that was slower. */
const FADING = 0.95;

export class LinkSpeed {
  #bytesPerMs = 0;

  /** A request brought so many bytes, in so much time. It may have shared the link, so the fastest counts most. */
  note(bytes: number, durationMs: number): void {
    if (bytes < MIN_MEASURED_BYTES) return;
    this.#bytesPerMs = Math.max(bytes / Math.max(durationMs, 0.01), this.#bytesPerMs * FADING);
  }

  /** At most so much per request. */
  get requestBytes(): number {
    return this.#connections === MIN_CONNECTIONS ? LARGE_REQUEST_BYTES : SMALL_REQUEST_BYTES;
  }

  /** At most so much ahead of a reader. */
  get windowBytes(): number {
    return this.#connections * this.requestBytes;
  }

  get #connections(): number {
    const needed = Math.ceil(TARGET_BYTES_PER_MS / Math.max(this.#bytesPerMs, 1));
    return Math.max(MIN_CONNECTIONS, Math.min(needed, MAX_CONNECTIONS));
  }
}
