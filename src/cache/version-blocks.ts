import type { MetadataBudget } from '../memory/metadata-budget.js';
import { ChangedError } from '../source/index.js';
import { Block, type BlockOwner } from './block.js';
import type { BlockMemory } from './block-memory.js';
import { type ReadRoute, slowerRoute } from './cache-activity.js';
import type { ReadOptions } from './resource-cache.js';
import { ShownDigests } from './shown-digests.js';
import type { Version, VersionKey } from './version.js';

/**
 * The blocks of one version that are in memory or in flight, each at most once: all reads that need one wait for the same. A
 * failure is never kept. Without validators, what comes again is compared with what was there before, or with a digest of what of
 * it was shown, before it is shown.
 */
export class VersionBlocks implements BlockOwner {
  readonly key: VersionKey;
  /** The last block is gone. */
  onEmpty: (() => void) | undefined;
  /** A block was completed from the source. */
  onComplete: ((block: Block) => void) | undefined;
  readonly #memory: BlockMemory;
  readonly #blocks = new Map<number, Block>();
  readonly #pending = new Set<Block>();
  /** Undefined: the source distinguishes versions. */
  readonly #shown: ShownDigests | undefined;
  #cachedBytes = 0;

  constructor(key: VersionKey, version: Version, memory: BlockMemory, budget: MetadataBudget) {
    this.key = key;
    this.#memory = memory;
    this.#shown = version.verifiable ? undefined : new ShownDigests(budget, memory.blockBytes);
  }

  get blockBytes(): number {
    return this.#memory.blockBytes;
  }

  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  /** Those that are here. */
  get cached(): readonly Block[] {
    return [...this.#blocks.values()].filter((block) => block.isComplete);
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** The highest index in flight, or -1. */
  get lastPendingIndex(): number {
    let last = -1;
    for (const { index } of this.#pending) last = Math.max(last, index);
    return last;
  }

  get(index: number): Block | undefined {
    return this.#blocks.get(index);
  }

  isMissing(index: number): boolean {
    return !this.#blocks.has(index);
  }

  /**
   * A block of the bytes `[offset, end)` that lacks some of them, and how many it must have: one that is missing
   * altogether if there is any, else the last, which usually is the last to come.
   */
  lastAbsence(offset: number, end: number): { block: Block | undefined; bytes: number } | undefined {
    const { blockBytes } = this;
    let absence: { block: Block; bytes: number } | undefined;
    for (let start = offset - (offset % blockBytes); start < end; start += blockBytes) {
      const bytes = Math.min(end - start, blockBytes);
      const block = this.#blocks.get(start / blockBytes);
      if (block === undefined) return { block, bytes };
      // A complete block that is shorter is the last of a resource whose end was unknown.
      if (!block.isComplete && block.visibleBytes < bytes) absence = { block, bytes };
    }
    return absence;
  }

  /** Views of the bytes `[offset, end)`, all of which are there. Valid in this step only. `read` gets their route. */
  views(offset: number, end: number, read?: ReadOptions): Uint8Array[] {
    const { blockBytes } = this;
    const { activity } = this.#memory;
    const views: Uint8Array[] = [];
    let slowest: ReadRoute = 'memory';
    for (let start = offset - (offset % blockBytes); start < end; start += blockBytes) {
      const block = this.#blocks.get(start / blockBytes);
      if (block?.memory === undefined) throw new Error('a block was lost within one step');
      const until = Math.min(end - start, blockBytes, block.visibleBytes);
      const view = block.memory.subarray(Math.max(0, offset - start), until);
      views.push(view);
      const { route } = block;
      activity.readBytes[route] += view.byteLength;
      if (route === 'memory') continue;
      slowest = slowerRoute(slowest, route);
      if (block.isComplete) block.route = 'memory';
    }
    activity.reads[slowest] += 1;
    if (read !== undefined) read.route = slowest;
    return views;
  }

  /** The block, announced as in flight if it was missing. */
  announce(index: number): Block {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const block = new Block(this, index);
    this.#blocks.set(index, block);
    this.#pending.add(block);
    return block;
  }

  /** Announces a missing block that the caller alone will fill, so that no provider is to bring it. */
  claim(index: number): Block {
    const block = new Block(this, index);
    block.isClaimed = true;
    block.route = 'disk';
    this.#blocks.set(index, block);
    return block;
  }

  /** All `bytes` of a block are in its memory. Throws `ChangedError` if they contradict an earlier delivery. */
  complete(block: Block, bytes: number, origin: 'source' | 'disk'): void {
    if (this.#shown !== undefined) this.#compareShown(this.#shown, block, bytes);
    this.#pending.delete(block);
    this.#cachedBytes += bytes;
    this.#memory.keep(block, bytes, () => {
      block.complete(bytes);
      if (origin === 'source') this.onComplete?.(block);
    });
  }

  /** A block in flight will not come. Without an error, a waiting read requests it again. */
  fail(block: Block, error?: unknown): void {
    if (this.#blocks.get(block.index) === block) this.#blocks.delete(block.index);
    this.#pending.delete(block);
    block.lose(error);
    if (this.isEmpty) this.onEmpty?.();
  }

  failPending(error: unknown): void {
    for (const block of this.#pending) this.fail(block, error);
  }

  /** The resource turned out to end before these blocks. */
  failPastEnd(firstPastEnd: number): void {
    for (const block of this.#pending) if (block.index >= firstPastEnd) this.fail(block);
  }

  /** A cached block was evicted. */
  remove(block: Block): void {
    if (this.#blocks.get(block.index) === block) this.#blocks.delete(block.index);
    this.#cachedBytes -= block.visibleBytes;
    block.lose();
    if (this.isEmpty) this.onEmpty?.();
  }

  /** Forgets all blocks that are not in flight. */
  drop(): void {
    for (const block of this.#blocks.values()) if (block.isComplete) this.#memory.drop(block);
  }

  /** Whether nothing of the block was shown before, so that what comes of it may be shown as it comes. */
  isNew({ index }: Block): boolean {
    return this.#shown?.has(index) !== true;
  }

  /** A part of a block comes again, which is passed over. Throws `ChangedError` if it is not what is here. */
  compare(block: Block, at: number, bytes: Uint8Array): void {
    const { memory, visibleBytes } = block;
    if (this.#shown === undefined || memory === undefined) return;
    const end = Math.min(at + bytes.byteLength, visibleBytes);
    if (end > at && Buffer.compare(memory.subarray(at, end), bytes.subarray(0, end - at)) !== 0) {
      throw this.#changed(block);
    }
  }

  /** A block is discarded, a part of which may have been read. */
  recordDigest({ index, memory, visibleBytes }: Block): void {
    if (this.#shown === undefined || memory === undefined || visibleBytes === 0) return;
    if (!this.#shown.has(index)) this.#shown.note(index, memory.subarray(0, visibleBytes));
  }

  /** No read requests the version again. */
  forgetDigests(): void {
    this.#shown?.clear();
  }

  #compareShown(shown: ShownDigests, block: Block, bytes: number): void {
    const memory = block.memory?.subarray(0, bytes) ?? new Uint8Array();
    const verdict = shown.compare(block.index, memory);
    if (verdict === 'unknown') throw this.#changed(block, 'more than can be compared');
    if (verdict === 'other') throw this.#changed(block);
    shown.note(block.index, memory);
  }

  #changed({ index }: Block, found = 'other bytes'): ChangedError {
    return new ChangedError(this.key.resource, {
      expected: `block ${index} as it was read before`,
      found: `${found}, from a source without validators`,
    });
  }
}
