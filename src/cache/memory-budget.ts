/**
 * The one owner of the program's memory for content. Two things use it: cached blocks, which can be
 * given back at any time, and buffers that are being filled, which cannot. So a reservation for a
 * fill first evicts cached blocks, and waits only when fills alone take the whole budget.
 */
export class MemoryBudget {
  readonly limitBytes: number;
  #cachedBytes = 0;
  #reservedBytes = 0;
  #evictor: (bytes: number) => void = () => undefined;
  readonly #queue: { bytes: number; grant: () => void }[] = [];

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get reservedBytes(): number {
    return this.#reservedBytes;
  }

  /** `evict(bytes)` drops at least so many cached bytes if it has them, by calling `shrinkCached`. */
  onPressure(evict: (bytes: number) => void): void {
    this.#evictor = evict;
  }

  /** A block entered the cache. Makes room for it if need be. */
  growCached(bytes: number): void {
    this.#cachedBytes += bytes;
    this.#evictExcess();
  }

  shrinkCached(bytes: number): void {
    this.#cachedBytes -= bytes;
  }

  /** Reserves for something that may as well not happen: at most half of the budget goes to fills this way. */
  tryReserve(bytes: number): boolean {
    if (this.#queue.length > 0 || this.#reservedBytes + bytes > this.limitBytes / 2) return false;
    this.#take(bytes);
    return true;
  }

  /** Reserves for a reader that waits. First come, first served; more than the whole budget is cut to it. */
  async reserve(bytes: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#queue.length === 0 && this.#fits(bytes)) {
      this.#take(bytes);
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(entry), 1);
        reject(signal?.reason as Error);
        this.#grantWaiting();
      };
      const entry = {
        bytes,
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(entry);
    });
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.#grantWaiting();
  }

  #fits(bytes: number): boolean {
    // A fill larger than the budget must still be possible, alone.
    return this.#reservedBytes === 0 || this.#reservedBytes + bytes <= this.limitBytes;
  }

  #take(bytes: number): void {
    this.#reservedBytes += bytes;
    this.#evictExcess();
  }

  #grantWaiting(): void {
    for (let next = this.#queue[0]; next !== undefined && this.#fits(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#take(next.bytes);
      next.grant();
    }
  }

  #evictExcess(): void {
    const excess = this.#cachedBytes + this.#reservedBytes - this.limitBytes;
    if (excess > 0) this.#evictor(excess);
  }
}
