import type { Geometry } from './geometry.js';

/** A version larger than the limit is evicted in parts: when each was used last. */
export class Regions {
  readonly regionBlocks: number;
  readonly #usedAtMs: Float64Array;
  /** Writes in flight. */
  readonly #writes: Uint32Array;

  constructor({ blockCount }: Geometry, regionBlocks: number) {
    const count = Math.ceil(blockCount / regionBlocks);
    this.regionBlocks = regionBlocks;
    this.#usedAtMs = new Float64Array(count);
    this.#writes = new Uint32Array(count);
  }

  use(block: number, usedAtMs: number): void {
    this.#usedAtMs[this.#of(block)] = usedAtMs;
  }

  beginWrite(block: number): void {
    this.#writes[this.#of(block)] = (this.#writes[this.#of(block)] ?? 0) + 1;
  }

  endWrite(block: number): void {
    this.#writes[this.#of(block)] = (this.#writes[this.#of(block)] ?? 0) - 1;
  }

  /** Nothing is in it any more. */
  clear(region: number): void {
    this.#usedAtMs[region] = 0;
  }

  clearAll(): void {
    this.#usedAtMs.fill(0);
  }

  /** The one that was used longest ago of those that something is in. */
  coldest(): { readonly region: number; readonly usedAtMs: number } | undefined {
    let coldest: { region: number; usedAtMs: number } | undefined;
    for (const [region, usedAtMs] of this.#usedAtMs.entries()) {
      const isEvictable = usedAtMs > 0 && this.#writes[region] === 0;
      if (isEvictable && (coldest === undefined || usedAtMs < coldest.usedAtMs))
        coldest = { region, usedAtMs };
    }
    return coldest;
  }

  #of(block: number): number {
    return Math.floor(block / this.regionBlocks);
  }
}
