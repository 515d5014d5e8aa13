import type { CachedResources } from '../../../src/cache/cached-resources.js';

/** Sees the memory of a cache, also when it is closed. */
export class MemoryWatch {
  #cache: CachedResources | undefined;

  /** Another cache is watched from now on. */
  watch(cache: CachedResources): void {
    this.#cache = cache;
  }

  get committedBytes(): number {
    return this.#cache?.report.memory.committedBytes ?? 0;
  }

  /** By how much more than allowed is in use. */
  get excessBytes(): number {
    const { bytes = 0, limitBytes = 0 } = this.#cache?.report.memory ?? {};
    return Math.max(0, bytes - limitBytes);
  }
}
