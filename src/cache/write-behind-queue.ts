/**
 * Work that no caller waits for and that costs more than what it follows, such as the storing of a small file:
 * it runs one after the other when nothing was noted for a while, or when much of it waits.
 */
export interface WriteBehindQueueOptions {
  /** How long nothing may have been noted. */
  readonly quietMs: number;
  /** What has waited for so long does not wait for that. */
  readonly maxWaitMs: number;
}

const DEFAULT_WRITE_BEHIND_OPTIONS: WriteBehindQueueOptions = {
  quietMs: 100,
  maxWaitMs: 5_000,
};

export class WriteBehindQueue {
  readonly #options: WriteBehindQueueOptions;
  readonly #waiting: { readonly work: () => Promise<void>; readonly sinceMs: number }[] = [];
  #notedAtMs = -Infinity;
  /** How many of those that wait first are to be flushed. */
  #toFlush = 0;
  #isRunning = false;
  #isDraining = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WriteBehindQueueOptions = DEFAULT_WRITE_BEHIND_OPTIONS) {
    this.#options = options;
  }

  /** Reads go on, for which work waits. */
  noteActivity(): void {
    this.#notedAtMs = performance.now();
  }

  /** Resolves when it was done. `work` must not reject. */
  run(work: () => Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ work: () => work().finally(resolve), sinceMs: performance.now() });
      this.#next();
    });
  }

  /** What waits now is not to wait any longer. */
  flush(): void {
    this.#toFlush = this.#waiting.length;
    this.#next();
  }

  /** From now on nothing waits for quiet. */
  drain(): void {
    this.#isDraining = true;
    this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    if (this.#isRunning || first === undefined) return;
    clearTimeout(this.#timer);
    const waitMs = this.#waitMs(first.sinceMs);
    if (waitMs > 0) {
      this.#timer = setTimeout(() => this.#next(), waitMs);
      return;
    }
    this.#waiting.shift();
    this.#toFlush = Math.max(0, this.#toFlush - 1);
    this.#isRunning = true;
    void first.work().finally(() => {
      this.#isRunning = false;
      this.#next();
    });
  }

  /** For how long what has waited since then must wait still. */
  #waitMs(sinceMs: number): number {
    const { quietMs, maxWaitMs } = this.#options;
    if (this.#isDraining || this.#toFlush > 0) return 0;
    return Math.min(this.#notedAtMs + quietMs, sinceMs + maxWaitMs) - performance.now();
  }
}
