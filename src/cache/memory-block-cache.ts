import { LRUCache } from 'lru-cache';

import type { BlockCache, VersionKey } from './block-cache.js';
import type { MemoryBudget } from './memory-budget.js';

interface Block {
  readonly owner: string;
  readonly bytes: Uint8Array;
}

/** Blocks in memory, least recently used first out, within the bytes that the budget leaves. */
export class MemoryBlockCache implements BlockCache {
  readonly blockBytes: number;
  readonly #budget: MemoryBudget;
  readonly #blocks: LRUCache<string, Block>;
  readonly #bytesByVersion = new Map<string, number>();
  readonly #indexesByVersion = new Map<string, Set<number>>();

  constructor(budget: MemoryBudget, blockBytes: number) {
    this.blockBytes = blockBytes;
    this.#budget = budget;
    this.#blocks = new LRUCache<string, Block>({
      // Larger than the budget ever lets it grow: the budget alone decides what is evicted.
      maxSize: budget.limitBytes + 2 * blockBytes,
      sizeCalculation: (block) => Math.max(block.bytes.byteLength, 1),
      dispose: (block, key) => {
        budget.shrinkCached(block.bytes.byteLength);
        this.#forget(block, indexOfKey(key));
      },
    });
    budget.onPressure((bytes) => {
      const target = budget.cachedBytes - bytes;
      while (budget.cachedBytes > target && this.#blocks.pop() !== undefined);
    });
  }

  get(key: VersionKey, index: number): Uint8Array | undefined {
    return this.#blocks.get(blockKey(ownerOf(key), index))?.bytes;
  }

  has(key: VersionKey, index: number): boolean {
    return this.#blocks.has(blockKey(ownerOf(key), index));
  }

  put(key: VersionKey, index: number, bytes: Uint8Array): void {
    if (this.has(key, index)) return;
    const owner = ownerOf(key);
    this.#bytesByVersion.set(owner, (this.#bytesByVersion.get(owner) ?? 0) + bytes.byteLength);
    const indexes = this.#indexesByVersion.get(owner) ?? new Set();
    this.#indexesByVersion.set(owner, indexes.add(index));
    this.#blocks.set(blockKey(owner, index), { owner, bytes });
    this.#budget.growCached(bytes.byteLength);
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

  #forget(block: Block, index: number): void {
    const left = (this.#bytesByVersion.get(block.owner) ?? 0) - block.bytes.byteLength;
    const indexes = this.#indexesByVersion.get(block.owner);
    indexes?.delete(index);
    if (indexes === undefined || indexes.size === 0) {
      this.#bytesByVersion.delete(block.owner);
      this.#indexesByVersion.delete(block.owner);
    } else {
      this.#bytesByVersion.set(block.owner, left);
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
