import { LRUCache } from 'lru-cache';

import { type Block, type BlockCache, bytesOf, type VersionKey } from './block-cache.js';
import type { MemoryBudget } from './memory-budget.js';

interface Entry {
  readonly owner: string;
  readonly block: Block;
  readonly bytes: number;
}

/** Blocks in memory, least recently used first out, within the bytes that the budget leaves. */
export class MemoryBlockCache implements BlockCache {
  readonly blockBytes: number;
  readonly #budget: MemoryBudget;
  readonly #blocks: LRUCache<string, Entry>;
  readonly #bytesByVersion = new Map<string, number>();
  readonly #indexesByVersion = new Map<string, Set<number>>();

  constructor(budget: MemoryBudget, blockBytes: number) {
    this.blockBytes = blockBytes;
    this.#budget = budget;
    this.#blocks = new LRUCache<string, Entry>({
      // Larger than the budget ever lets it grow: the budget alone decides what is evicted.
      maxSize: budget.limitBytes + 2 * blockBytes,
      sizeCalculation: (entry) => Math.max(entry.bytes, 1),
      dispose: (entry, key) => {
        budget.shrinkCached(entry.bytes);
        this.#forget(entry, indexOfKey(key));
      },
    });
    budget.onPressure((bytes) => {
      const target = budget.cachedBytes - bytes;
      while (budget.cachedBytes > target && this.#blocks.pop() !== undefined);
    });
  }

  get(key: VersionKey, index: number): Block | undefined {
    return this.#blocks.get(blockKey(ownerOf(key), index))?.block;
  }

  has(key: VersionKey, index: number): boolean {
    return this.#blocks.has(blockKey(ownerOf(key), index));
  }

  put(key: VersionKey, index: number, block: Block): void {
    if (this.has(key, index)) return;
    const owner = ownerOf(key);
    const bytes = bytesOf(block);
    this.#bytesByVersion.set(owner, (this.#bytesByVersion.get(owner) ?? 0) + bytes);
    const indexes = this.#indexesByVersion.get(owner) ?? new Set();
    this.#indexesByVersion.set(owner, indexes.add(index));
    this.#blocks.set(blockKey(owner, index), { owner, block, bytes });
    this.#budget.growCached(bytes);
  }

  cachedBytes(key: VersionKey): number {
    return this.#bytesByVersion.get(ownerOf(key)) ?? 0;
  }

  drop(key: VersionKey): void {
    const owner = ownerOf(key);
    for (const index of this.#indexesByVersion.get(owner) ?? []) {
      this.#blocks.delete(blockKey(owner, index));
    }
  }

  #forget({ owner, bytes }: Entry, index: number): void {
    const left = (this.#bytesByVersion.get(owner) ?? 0) - bytes;
    const indexes = this.#indexesByVersion.get(owner);
    indexes?.delete(index);
    if (indexes === undefined || indexes.size === 0) {
      this.#bytesByVersion.delete(owner);
      this.#indexesByVersion.delete(owner);
    } else {
      this.#bytesByVersion.set(owner, left);
    }
  }
}

// NUL occurs neither in a URL nor in a version.
function ownerOf(key: VersionKey): string {
  return `${key.resource}\0${key.version}`;
}

function blockKey(owner: string, index: number): string {
  return `${owner}\0${index}`;
}

function indexOfKey(key: string): number {
  return Number(key.slice(key.lastIndexOf('\0') + 1));
}
