/** First in, first out, between one that finds and several that work: neither runs far ahead of the other. */
export class BoundedQueue<Item> {
  readonly #limit: number;
  readonly #items: Item[] = [];
  #isClosed = false;
  #changed: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when there was room. What comes after the end is dropped. */
  async push(item: Item): Promise<void> {
    while (this.#items.length >= this.#limit && !this.#isClosed) await this.#whenChanged();
    if (this.#isClosed) return;
    this.#items.push(item);
    this.#wake();
  }

  /** Undefined: it was closed, and nothing is left. */
  async take(): Promise<Item | undefined> {
    while (this.#items.length === 0 && !this.#isClosed) await this.#whenChanged();
    const item = this.#items.shift();
    this.#wake();
    return item;
  }

  /** Nothing more comes. `isAborted`: what waits is not taken either. */
  close(isAborted = false): void {
    this.#isClosed = true;
    if (isAborted) this.#items.length = 0;
    this.#wake();
  }

  #whenChanged(): Promise<void> {
    return new Promise((resolve) => this.#changed.push(resolve));
  }

  #wake(): void {
    const waiting = this.#changed;
    this.#changed = [];
    for (const resolve of waiting) resolve();
  }
}
