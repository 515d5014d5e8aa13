import type { MetadataBudget } from '../../memory/metadata-budget.js';
import { ChangedError } from '../../source/index.js';
import { type ReadRoute, slowerRoute } from '../cache-activity.js';
import type { ReadOptions } from '../resource-cache.js';
import type { VersionIdentity, VersionKey } from '../version-identity.js';
import type { Block, BlockOwner, Filler } from './block.js';
import type { Attempt, BlockPool } from './block-pool.js';
import type { MemoryShare } from './memory-shares.js';
import { ShownDigests } from './shown-digests.js';

/** Blocks `[first, end)`. */
export interface BlockRun {
  readonly first: number;
  readonly end: number;
}

/** No block. */
export const NO_BLOCKS: BlockRun = { first: 0, end: 0 };

export interface VersionBlocksEvents {
  /** The last block is gone. */
  readonly onEmpty: () => void;
  /** A block was completed, other than from the disk; with `checksumOf` it, if that is known. */
  readonly onComplete: (block: Block, checksum: number | undefined) => void;
}

/**
 * The blocks of one version that are in memory or in flight, each at most once: all reads that need one wait for the same. A
 * failure is never kept. Without validators, what comes again is compared with what was there before, or with a digest of what of
 * it was shown, before it is shown.
 */
export class VersionBlocks implements BlockOwner {
  readonly key: VersionKey;
  readonly pool: BlockPool;
  /** While the version is read. */
  share: MemoryShare | undefined;
  readonly #events: VersionBlocksEvents;
  readonly #blocks = new Map<number, Block>();
  readonly #pending = new Set<Block>();
  /** Undefined: the source distinguishes versions. */
  readonly #shown: ShownDigests | undefined;
  #cachedBytes = 0;

  constructor(
    key: VersionKey,
    version: VersionIdentity,
    pool: BlockPool,
    budget: MetadataBudget,
    events: VersionBlocksEvents,
  ) {
    this.#events = events;
    this.key = key;
    this.pool = pool;
    this.#shown = version.verifiable ? undefined : new ShownDigests(budget, pool.blockBytes);
  }

  get blockBytes(): number {
    return this.pool.blockBytes;
  }

  /** Of those that are complete. */
  get cachedBytes(): number {
    return this.#cachedBytes;
  }

  get complete(): readonly Block[] {
    return [...this.#blocks.values()].filter((block) => block.isComplete);
  }

  get isEmpty(): boolean {
    return this.#blocks.size === 0;
  }

  /** Those that this one is to bring still. */
  pendingOf(filler: Filler): readonly Block[] {
    return [...this.#pending].filter((block) => block.filler === filler);
  }

  /** The blocks that have the bytes `[start, end)`. */
  runOf(start: number, end: number): BlockRun {
    return { first: Math.floor(start / this.blockBytes), end: Math.ceil(end / this.blockBytes) };
  }

  get(index: number): Block | undefined {
    return this.#blocks.get(index);
  }

  isMissing(index: number): boolean {
    return !this.#blocks.has(index);
  }

  /** Whether no read of the bytes `[offset, end)` has to wait. */
  has(offset: number, end: number): boolean {
    const { blockBytes } = this;
    for (let start = offset - (offset % blockBytes); start < end; start += blockBytes) {
      if (this.#blocks.get(start / blockBytes)?.has(Math.min(end - start, blockBytes)) !== true) return false;
    }
    return true;
  }

  /**
   * Acquires all blocks of a run, those that are missing after `begin` has begun them; nothing, and undefined, if the pool has no
   * room. In one step. To be released.
   */
  take(
    { first, end }: BlockRun,
    hasRoom: (slots: number) => boolean,
    begin: () => void,
  ): readonly Block[] | undefined {
    const { pool } = this;
    const taken: (Block | undefined)[] = [];
    let [missing, evictable] = [0, 0];
    for (let index = first; index < end; index += 1) {
      const block = this.#blocks.get(index);
      taken.push(block);
      if (block === undefined) missing += 1;
      else if (pool.isEvictable(block)) evictable += 1;
    }
    if (missing > 0 && !hasRoom(missing + evictable)) return undefined;
    // First what is here, which must not be evicted for what is begun.
    for (const block of taken) if (block !== undefined) pool.acquire(block);
    pool.promise(missing);
    begin();
    pool.promise(0);
    for (const [i, known] of taken.entries()) {
      if (known !== undefined) continue;
      const block = this.#blocks.get(first + i);
      if (block === undefined) continue;
      pool.acquire(block);
      taken[i] = block;
    }
    return taken.filter((block) => block !== undefined);
  }

  /** As `take`, when it is the turn of the version. */
  async whenTaken(
    run: BlockRun,
    begin: () => void,
    signal: AbortSignal | undefined,
  ): Promise<readonly Block[]> {
    let taken: readonly Block[] | undefined;
    const attempt: Attempt = (hasRoom) => {
      taken = this.take(run, hasRoom, begin);
      return taken !== undefined;
    };
    await this.pool.wait(attempt, this.share, this.key.resource, signal);
    return taken ?? [];
  }

  /** Views of the bytes `[offset, end)` of acquired blocks, all of which are there. `read` gets their route. */
  views(blocks: readonly Block[], offset: number, end: number, read?: ReadOptions): Uint8Array[] {
    const { blockBytes } = this;
    const { activity } = this.pool;
    const views: Uint8Array[] = [];
    let slowest: ReadRoute = 'memory';
    for (const block of blocks) {
      const start = block.index * blockBytes;
      const until = Math.min(end - start, block.visibleBytes);
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

  /**
   * Begins the blocks of a missing run, which `filler` is to bring: those of `needed`, whose slots the read of this step has been
   * promised, and the rest if there is room for all of it. To be acquired in this step.
   */
  begin(run: BlockRun, needed: BlockRun, filler: Filler, route: ReadRoute): Block[] {
    const first = Math.max(run.first, needed.first);
    const neededEnd = Math.max(first, Math.min(run.end, needed.end));
    const ahead = run.end - run.first - (neededEnd - first);
    const begun = ahead === 0 || this.pool.hasRoomAhead(ahead) ? run : { first, end: neededEnd };
    const blocks: Block[] = [];
    for (let index = begun.first; index < begun.end; index += 1) {
      const isPromised = index >= first && index < neededEnd;
      const block = this.pool.create(this, index, { filler, route }, isPromised);
      this.#blocks.set(index, block);
      this.#pending.add(block);
      blocks.push(block);
    }
    return blocks;
  }

  /**
   * All `bytes` of a block are in its memory. Releases it for its filler. Throws `ChangedError`, and does not, if they contradict an
   * earlier delivery.
   */
  completeBlock(block: Block, bytes: number, checksum?: number): void {
    if (block.state === 'pending') {
      if (this.#shown !== undefined)
        this.#compareShown(this.#shown, block.index, block.memory.subarray(0, bytes));
      this.#pending.delete(block);
      this.#cachedBytes += bytes;
      block.complete(bytes);
      if (block.route !== 'disk') this.#events.onComplete(block, checksum);
    }
    this.pool.release(block);
  }

  /** A block in flight will not come. Without an error, a waiting read begins again. Its filler releases it when it can. */
  fail(block: Block, error?: unknown): void {
    if (block.state !== 'pending') return;
    // A part of it may have been read.
    if (this.#shown !== undefined && block.visibleBytes > 0 && !this.#shown.has(block.index)) {
      this.#shown.note(block.index, block.visible);
    }
    this.#forget(block);
    block.fail(error);
  }

  remove(block: Block): void {
    if (!block.isComplete) {
      this.fail(block);
      return;
    }
    this.#cachedBytes -= block.visibleBytes;
    this.#forget(block);
  }

  #forget(block: Block): void {
    this.#blocks.delete(block.index);
    this.#pending.delete(block);
    if (this.isEmpty) this.#events.onEmpty();
  }

  /** Forgets all blocks that are not in flight. */
  drop(): void {
    for (const block of this.complete) this.pool.drop(block);
  }

  /** Whether nothing of the block was shown before, so that what comes of it may be shown as it comes. */
  isNew({ index }: Block): boolean {
    return this.#shown?.has(index) !== true;
  }

  /**
   * All bytes of a block come, and are passed over. Throws `ChangedError` if they are not what is here, or was. What comes next is
   * shown, so that these are what a later download must bring.
   */
  compare(index: number, bytes: Uint8Array): void {
    if (this.#shown === undefined) return;
    const block = this.#blocks.get(index);
    if (block === undefined) {
      this.#compareShown(this.#shown, index, bytes);
      return;
    }
    const { visible } = block;
    const length = Math.min(bytes.byteLength, visible.byteLength);
    if (Buffer.compare(visible.subarray(0, length), bytes.subarray(0, length)) !== 0)
      throw this.#changed(index);
  }

  /** No read requests the version again. */
  forgetDigests(): void {
    this.#shown?.clear();
  }

  #compareShown(shown: ShownDigests, index: number, all: Uint8Array): void {
    const verdict = shown.compare(index, all);
    if (verdict === 'unknown') throw this.#changed(index, 'more than can be compared');
    if (verdict === 'other') throw this.#changed(index);
    shown.note(index, all);
  }

  #changed(index: number, found = 'other bytes'): ChangedError {
    return new ChangedError(this.key.resource, {
      expected: `block ${index} as it was read before`,
      found: `${found}, from a source without validators`,
    });
  }
}
