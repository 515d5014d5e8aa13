/**
 * Work that nobody waits for and that costs more than what it follows, such as the storing of a small file:
 * it runs one after the other when nothing was noted for a while, or when much of it waits.
 */
export interface QuietQueueOptions {
  /** How long nothing may have been noted. */
  readonly quietMs: number;
  /** More than this waits no longer for quiet. */
  readonly maxWaiting: number;
}

export const DEFAULT_QUIET_QUEUE_OPTIONS: QuietQueueOptions = { quietMs: 100, maxWaiting: 4096 };

export class QuietQueue {
  readonly #options: QuietQueueOptions;
  readonly #waiting: (() => Promise<void>)[] = [];
  #notedAtMs = 0;
  #isRunning = false;
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: QuietQueueOptions = DEFAULT_QUIET_QUEUE_OPTIONS) {
    this.#options = options;
  }

  /** Something is going on that is not to be disturbed. */
  note(): void {
    this.#notedAtMs = performance.now();
  }

  /** Resolves when it was done. `work` must not reject. */
  run(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(() => work().finally(resolve));
      this.#next();
    });
  }

  /** From now on nothing waits for quiet. */
  drain(): void {
    this.#isDraining = true;
    this.#next();
  }

  #next(): void {
    if (this.#isRunning || this.#waiting.length === 0) return;
    const { quietMs, maxWaiting } = this.#options;
    const leftMs = this.#notedAtMs + quietMs - performance.now();
    clearTimeout(this.#timer);
    if (leftMs > 0 && !this.#isDraining && this.#waiting.length <= maxWaiting) {
      this.#timer = setTimeout(() => this.#next(), leftMs);
      return;
    }
    this.#isRunning = true;
    void this.#waiting
      .shift()?.()
      .finally(() => {
        this.#isRunning = false;
        this.#next();
      });
  }
}
