/** Keeps requests from a proxy that fails: after some failures in a row for a while, and then for all but one until it succeeds. */
const MAX_FAILURES = 3;
export const BREAK_MS = 30_000;

export class Breaker {
  readonly #now: () => number;
  readonly #onOpen: (reason: string) => void;
  #failures = 0;
  #untilMs: number | undefined;
  #isTrying = false;

  constructor(onOpen: (reason: string) => void, now: () => number) {
    this.#onOpen = onOpen;
    this.#now = now;
  }

  /** When it lets a trial pass; undefined: it lets everything pass. */
  get untilMs(): number | undefined {
    return this.#untilMs;
  }

  /** Whether a request may be sent: what it comes to is to be reported by one of the three below. */
  tryPass(): boolean {
    if (this.#untilMs === undefined) return true;
    if (this.#isTrying || this.#now() < this.#untilMs) return false;
    this.#isTrying = true;
    return true;
  }

  succeed(): void {
    this.#failures = 0;
    this.#untilMs = undefined;
    this.#isTrying = false;
  }

  fail(reason: string): void {
    this.#failures += 1;
    if (this.#isTrying || this.#failures >= MAX_FAILURES) this.open(reason);
  }

  /** It shows neither. */
  pass(): void {
    this.#isTrying = false;
  }

  open(reason: string): void {
    const wasOpen = this.#untilMs !== undefined;
    this.#untilMs = this.#now() + BREAK_MS;
    this.#isTrying = false;
    if (!wasOpen) this.#onOpen(reason);
  }
}
