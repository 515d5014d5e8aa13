/**
 * The one owner of the program's memory for content.
 *
 * All of it is buffers of one block each, which are filled, cached, evicted and filled again: nothing is
 * allocated per read once the limit is reached, so V8 has nothing to collect. (With a fresh buffer for each
 * chunk a sequential read spent more time in page faults and collections than in copying.)
 *
 * Two things use the limit: cached blocks, which can be evicted at any time, and what is committed:
 * reservations for blocks under way, and blocks that are being written to disk. A reservation evicts cached
 * blocks, and waits only when commitments alone take the whole limit.
 */
import { LRUCache } from 'lru-cache';

import type { Block } from './block.js';

/** A block that is at most this part of its buffer is moved to memory of its own size. */
const COMPACT_SHARE = 1 / 4;

export class BlockMemory {
  readonly limitBytes: number;
  readonly blockBytes: number;
  readonly #evictable: LRUCache<Block, Block>;
  readonly #free: Uint8Array[] = [];
  readonly #queue: { bytes: number; grant: () => void }[] = [];
  #cachedBytes = 0;
  #committedBytes = 0;

  constructor(limitBytes: number, blockBytes: number) {
    this.limitBytes = limitBytes;
    this.blockBytes = blockBytes;
    // Larger than it ever gets: what is evicted is decided here alone.
    this.#evictable = new LRUCache({ maxSize: 2 * limitBytes + blockBytes, sizeCalculation: sizeOf });
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get committedBytes(): number {
    return this.#committedBytes;
  }

  /** Reserves for something that may as well not happen: at most half of the limit is committed this way. */
  tryReserve(blocks: number): boolean {
    const bytes = blocks * this.blockBytes;
    if (this.#queue.length > 0 || this.#committedBytes + bytes > this.limitBytes / 2) return false;
    this.#commit(bytes);
    return true;
  }

  /** Reserves for a reader that waits. First come, first served; more than the limit is possible alone. */
  async reserve(blocks: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const bytes = blocks * this.blockBytes;
    if (this.#queue.length === 0 && this.#fits(bytes)) {
      this.#commit(bytes);
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

  /** Gives back reservations that no memory was taken for. */
  unreserve(blocks: number): void {
    this.#uncommit(blocks * this.blockBytes);
  }

  /** The memory of one reserved block. */
  take(): Uint8Array {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  /**
   * A reserved block is complete: from now on it is cached. `onKept` is called before it can be evicted, which
   * may be at once when others wait for memory.
   */
  keep(block: Block, bytes: number, onKept: () => void = () => undefined): void {
    if (block.memory !== undefined && bytes <= this.blockBytes * COMPACT_SHARE) {
      const small = Buffer.allocUnsafeSlow(bytes);
      small.set(block.memory.subarray(0, bytes));
      this.#recycle(block.memory);
      block.memory = small;
    }
    this.#cache(block);
    onKept();
    this.#uncommit(this.blockBytes);
  }

  /** A reserved block will not be completed. */
  discard(block: Block): void {
    if (block.memory !== undefined) this.#recycle(block.memory);
    this.#uncommit(this.blockBytes);
  }

  /** The block was used. */
  touch(block: Block): void {
    this.#evictable.get(block);
  }

  /** Forgets a cached block. */
  drop(block: Block): void {
    if (!this.#evictable.delete(block)) return;
    this.#cachedBytes -= sizeOf(block);
    this.#forget(block);
  }

  /** Keeps a complete block from being evicted, until `release`. */
  hold(block: Block): void {
    block.holds += 1;
    if (block.holds > 1) return;
    this.#evictable.delete(block);
    this.#cachedBytes -= sizeOf(block);
    this.#committedBytes += sizeOf(block);
  }

  release(block: Block): void {
    block.holds -= 1;
    if (block.holds > 0) return;
    this.#cache(block);
    this.#uncommit(sizeOf(block));
  }

  #cache(block: Block): void {
    this.#cachedBytes += sizeOf(block);
    this.#evictable.set(block, block);
  }

  #fits(bytes: number): boolean {
    return this.#committedBytes === 0 || this.#committedBytes + bytes <= this.limitBytes;
  }

  #commit(bytes: number): void {
    this.#committedBytes += bytes;
    this.#evictExcess();
  }

  #uncommit(bytes: number): void {
    this.#committedBytes -= bytes;
    this.#grantWaiting();
    this.#evictExcess();
  }

  #grantWaiting(): void {
    for (let next = this.#queue[0]; next !== undefined && this.#fits(next.bytes); next = this.#queue[0]) {
      this.#queue.shift();
      this.#commit(next.bytes);
      next.grant();
    }
  }

  #evictExcess(): void {
    while (this.#cachedBytes + this.#committedBytes > this.limitBytes) {
      const block = this.#evictable.pop();
      if (block === undefined) return;
      this.#cachedBytes -= sizeOf(block);
      this.#forget(block);
    }
  }

  #forget(block: Block): void {
    const { memory } = block;
    block.owner.remove(block);
    if (memory !== undefined) this.#recycle(memory);
  }

  /** Memory that would make the whole larger than the limit is left to the collector. */
  #recycle(memory: Uint8Array): void {
    const freeBytes = (this.#free.length + 1) * this.blockBytes;
    const isWhole = memory.byteLength === this.blockBytes;
    if (isWhole && freeBytes + this.#cachedBytes <= this.limitBytes) this.#free.push(memory);
  }
}

function sizeOf(block: Block): number {
  return Math.max(1, block.memory?.byteLength ?? 1);
}
