/** A version larger than the limit is evicted in parts: when each of those that something is in was used last. */
export class Regions {
  readonly regionBlocks: number;
  /** Least recently used first. */
  readonly #usedAtMs = new Map<number, number>();

  constructor(regionBlocks: number) {
    this.regionBlocks = regionBlocks;
  }

  use(block: number, usedAtMs: number): void {
    const region = Math.floor(block / this.regionBlocks);
    this.#usedAtMs.delete(region);
    this.#usedAtMs.set(region, usedAtMs);
  }

  /** Nothing is in it any more. */
  clear(region: number): void {
    this.#usedAtMs.delete(region);
  }

  coldest(): { readonly region: number; readonly usedAtMs: number } | undefined {
    const [coldest] = this.#usedAtMs;
    return coldest && { region: coldest[0], usedAtMs: coldest[1] };
  }
}
