/** dfdaemon's chart refuses more than 50 requests per second. */
const INTERVAL_MS = 1000 / 20;
/** What would wait longer is read from its source. */
const MAX_WAIT_MS = 5_000;

/** Spreads requests. */
export class Pace {
  readonly #now: () => number;
  #nextMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** How long the next request has to wait; undefined: too long, and it is none. */
  take(): number | undefined {
    const nowMs = this.#now();
    const atMs = Math.max(nowMs, this.#nextMs);
    if (atMs - nowMs > MAX_WAIT_MS) return undefined;
    this.#nextMs = atMs + INTERVAL_MS;
    return atMs - nowMs;
  }
}
