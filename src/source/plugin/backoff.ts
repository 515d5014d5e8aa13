export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** How long to wait before the next start: twice as long after every failure in a row. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #untilMs = 0;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  get leftMs(): number {
    return Math.max(0, this.#untilMs - performance.now());
  }

  fail(): void {
    const { firstMs, maxMs } = this.#options;
    this.#untilMs = performance.now() + Math.min(maxMs, firstMs * 2 ** this.#failures);
    this.#failures += 1;
  }

  succeed(): void {
    this.#failures = 0;
    this.#untilMs = 0;
  }
}
