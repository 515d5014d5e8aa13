/**
 * The memory for content: buffers of one block each, which are used again and again, so that V8 has nothing to collect
 * (docs/ARCHITECTURE.md, "Memory for content").
 */
import { LRUCache } from 'lru-cache';

import type { Block } from './block.js';
import { CacheActivity } from './cache-activity.js';
import { ScratchBuffers } from './scratch-buffers.js';
import { type AllocateMemory, BufferPool, MAX_SLAB_BUFFERS } from './buffer-pool.js';
import type { MemoryShare } from './memory-shares.js';
import { PinnedBlocks } from './pinned-blocks.js';
import { ReservationQueue } from './reservation-queue.js';

/** A block that is at most this part of its buffer is moved to memory of its own size. */
const COMPACT_SHARE = 1 / 4;
/** What lies in one piece: as much as a request of the kernel takes at most, and a small part of the memory. */
const MAX_SLAB_BYTES = 1024 * 1024;
const MAX_SLAB_SHARE = 1 / 16;
/** Of such blocks together. */
const MAX_SMALL_SHARE = 1 / 8;
/**
 * What is requested of the system at once: usually all of it, at the start. It costs nothing before it is used, but V8
 * takes each new piece for a reason to collect garbage (measured: 20 to 60 ms in the midst of a read).
 */
const MAX_ARENA_BYTES = 1024 * 1024 * 1024;
/** As much as one request of the kernel. */
const SCRATCH_BYTES = 1024 * 1024;
const MAX_SCRATCH_BYTES = 16 * 1024 * 1024;
const MAX_SCRATCH_SHARE = 1 / 16;

export class BlockMemory {
  readonly limitBytes: number;
  readonly blockBytes: number;
  /** For reads of more than can be kept, beside the limit. */
  readonly scratch: ScratchBuffers;
  readonly activity = new CacheActivity();
  readonly #evictable: LRUCache<Block, Block>;
  readonly #pool: BufferPool;
  readonly #queue = new ReservationQueue({
    isGrantable: (bytes) => this.#isGrantable(bytes),
    commit: (bytes) => this.#commit(bytes),
    isBeyondShare: (bytes, share) => share.isExceededBy(bytes, this.limitBytes - this.#committedBytes),
    // Everything may wait for what reads keep.
    onStuck: () => this.#unpinAll(),
  });
  #cachedBytes = 0;
  /** Of the memory of compacted blocks, which is not the pool's. */
  #smallBytes = 0;
  #committedBytes = 0;
  /** Of what is committed: kept for reads that wait. */
  readonly #pinned = new PinnedBlocks();
  #sharers = 0;

  constructor(limitBytes: number, blockBytes: number, allocate: AllocateMemory = allocatePlain) {
    this.limitBytes = limitBytes;
    this.blockBytes = blockBytes;
    const slabLimitBytes = Math.min(MAX_SLAB_BYTES, limitBytes * MAX_SLAB_SHARE);
    const slabBuffers = Math.max(1, Math.min(Math.floor(slabLimitBytes / blockBytes), MAX_SLAB_BUFFERS));
    const arenaSlabs = Math.ceil(Math.min(limitBytes, MAX_ARENA_BYTES) / (slabBuffers * blockBytes));
    this.#pool = new BufferPool({ bufferBytes: blockBytes, slabBuffers, arenaSlabs, allocate });
    const scratchBytes = Math.min(MAX_SCRATCH_BYTES, limitBytes * MAX_SCRATCH_SHARE);
    this.scratch = new ScratchBuffers(Math.max(1, Math.floor(scratchBytes / SCRATCH_BYTES)), SCRATCH_BYTES);
    // Larger than it ever gets: what is evicted is decided here alone.
    this.#evictable = new LRUCache({
      maxSize: 2 * limitBytes + blockBytes,
      sizeCalculation: (block) => block.memoryBytes,
    });
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get committedBytes(): number {
    return this.#committedBytes;
  }

  /** A provider fetches from now on, and keeps a share; until `leave`. */
  join(): void {
    this.#sharers += 1;
  }

  leave(): void {
    this.#sharers -= 1;
  }

  /** How many fetch now. */
  get sharers(): number {
    return this.#sharers;
  }

  /** How much a provider may fetch ahead: if some took more, others would get none, and fall behind. */
  get shareBytes(): number {
    return this.#reservableBytes / Math.max(1, this.#sharers);
  }

  get #reservableBytes(): number {
    return this.limitBytes / 2;
  }

  /** Reserves for something that may as well not happen: at most half of the limit is committed this way. */
  tryReserve(blocks: number): boolean {
    const bytes = blocks * this.blockBytes;
    if (this.#queue.isTaken || this.#committedBytes + bytes > this.#reservableBytes) return false;
    this.#commit(bytes);
    return true;
  }

  /**
   * Reserves for a reader that waits. First come, first served, within the share of those it is for, which counts it;
   * more than the limit is possible alone.
   */
  async reserve(blocks: number, signal?: AbortSignal, share?: MemoryShare): Promise<void> {
    await this.#queue.wait(blocks * this.blockBytes, signal, share);
  }

  /** Gives back reservations that no memory was taken for. */
  unreserve(blocks: number): void {
    this.#uncommit(blocks * this.blockBytes);
  }

  /** The memory of one reserved block. */
  take(): Uint8Array {
    return this.#pool.take();
  }

  /** The memory of one more reserved block, if there is some that lies right behind. */
  takeBehind(memory: Uint8Array): Uint8Array | undefined {
    return this.#pool.takeBehind(memory);
  }

  /**
   * A reserved block is complete: from now on it is cached. `onKept` is called before it can be evicted, which
   * may be at once when others wait for memory.
   */
  keep(block: Block, bytes: number, onKept: () => void = () => undefined): void {
    this.#compact(block, bytes);
    this.#queue.noteStep();
    this.#cache(block);
    onKept();
    if (block.readers > 0) this.#pin(block);
    this.#uncommit(this.blockBytes);
  }

  /** A reserved block will not be completed. */
  discard(block: Block): void {
    if (block.memory !== undefined) this.#pool.release(block.memory);
    this.#uncommit(this.blockBytes);
  }

  /** The block was used. */
  touch(block: Block): void {
    this.#evictable.get(block);
  }

  /** Forgets a cached block, at the latest when its last holder releases it. */
  drop(block: Block): void {
    block.isDropped = true;
    if (!this.#evictable.delete(block)) return;
    this.#cachedBytes -= block.memoryBytes;
    this.#forget(block);
  }

  /** Keeps a complete block from being evicted, until `releaseFromWriter`. */
  acquireForWriter(block: Block): void {
    if (!block.isProtected) this.#protect(block);
    block.writers += 1;
  }

  releaseFromWriter(block: Block): void {
    block.writers -= 1;
    if (!block.isProtected) this.#expose(block);
  }

  /** A read that waits needs the block, which is there or in flight; until `releaseFromReader`. */
  acquireForReader(block: Block): void {
    block.readers += 1;
    if (block.isComplete) this.#pin(block);
  }

  releaseFromReader(block: Block): void {
    block.readers -= 1;
    if (block.readers > 0 || !block.isPinned) return;
    this.#pinned.delete(block);
    if (!block.isProtected) this.#expose(block);
  }

  #pin(block: Block): void {
    if (block.isPinned) return;
    if (!block.isProtected) this.#protect(block);
    this.#pinned.add(block);
  }

  #unpinAll(): void {
    for (const block of this.#pinned.takeAll()) {
      if (block.isProtected) continue;
      this.#cache(block);
      this.#committedBytes -= block.memoryBytes;
      // At once: together they may be more than the list of those that can be evicted takes.
      this.#evictExcess();
    }
  }

  #protect(block: Block): void {
    this.#evictable.delete(block);
    this.#cachedBytes -= block.memoryBytes;
    this.#committedBytes += block.memoryBytes;
  }

  #expose(block: Block): void {
    this.#cache(block);
    this.#uncommit(block.memoryBytes);
    if (block.isDropped) this.drop(block);
  }

  /** Whether it can be granted to the first waiter. */
  #isGrantable(bytes: number): boolean {
    if (!this.#fits(bytes) && this.#committedBytes === this.#pinned.bytes) this.#unpinAll();
    return this.#fits(bytes);
  }

  #cache(block: Block): void {
    this.#cachedBytes += block.memoryBytes;
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
    this.#queue.grant();
    this.#evictExcess();
  }

  #evictExcess(): void {
    while (this.#cachedBytes + this.#committedBytes > this.limitBytes) {
      const block = this.#evictable.pop();
      if (block === undefined) return;
      this.activity.evictedBytes += block.visibleBytes;
      this.#cachedBytes -= block.memoryBytes;
      this.#forget(block);
    }
  }

  #forget(block: Block): void {
    const { memory } = block;
    block.owner.remove(block);
    if (memory === undefined) return;
    if (memory.byteLength < this.blockBytes) this.#smallBytes -= memory.byteLength;
    else this.#pool.release(memory);
  }

  /** Moves a short block to memory of its own size. The pool keeps what it has: memory beside it must fit beside it. */
  #compact(block: Block, bytes: number): void {
    if (block.memory === undefined || bytes > this.blockBytes * COMPACT_SHARE) return;
    const roomBytes = this.limitBytes - this.#pool.allocatedBytes;
    if (this.#smallBytes + bytes > Math.min(roomBytes, this.limitBytes * MAX_SMALL_SHARE)) return;
    this.#smallBytes += bytes;
    const { memory } = block;
    block.memory = new Uint8Array(memory.subarray(0, bytes));
    this.#pool.release(memory);
  }
}

function allocatePlain(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(bytes);
}
