/**
 * The memory for content: slots of one block each (docs/ARCHITECTURE.md, "Memory for content"). Reads take all that they need at once,
 * or wait in line for it and hold nothing.
 */
import { InterruptedError } from '../../source/index.js';
import { CacheActivity, type ReadRoute } from '../cache-activity.js';
import { Block, type BlockOwner, type Filler } from './block.js';
import type { MemoryShare } from './memory-shares.js';
import { type AllocateMemory, Slots } from './slots.js';

/**
 * Takes what a read needs, if `hasRoom` says so of the slots that it needs in all: those that it lacks, and those of blocks that could
 * be evicted. Returns whether it did.
 */
export type Attempt = (hasRoom: (slots: number) => boolean) => boolean;

/** A read that waits. */
interface Waiting {
  readonly attempt: Attempt;
  readonly share: MemoryShare | undefined;
  /** What it needed when it was tried last. */
  slots: number;
  readonly settle: (error?: unknown) => void;
}

const AHEAD_SHARE = 1 / 2;

export class BlockPool {
  readonly limitBytes: number;
  readonly blockBytes: number;
  readonly activity = new CacheActivity();
  readonly #slots: Slots;
  readonly #line = new Set<Waiting>();
  #isServing = false;
  /** The list of blocks that can be evicted, the one used longest ago first. */
  #oldest: Block | undefined;
  #newest: Block | undefined;
  #evictable = 0;
  /** Slots that the read of this step is about to take. */
  #promised = 0;
  #sharers = 0;

  constructor(limitBytes: number, blockBytes: number, allocate?: AllocateMemory) {
    const count = Math.floor(limitBytes / blockBytes);
    if (count < 1) throw new RangeError('the memory has no room for a block');
    this.limitBytes = limitBytes;
    this.blockBytes = blockBytes;
    this.#slots = new Slots(count, blockBytes, allocate);
  }

  /** Of blocks that can be evicted. */
  get cachedBytes(): number {
    return this.#evictable * this.blockBytes;
  }

  /** Of all others. */
  get committedBytes(): number {
    return this.#committed * this.blockBytes;
  }

  /** Something is fetched from now on for another version, which gets a share of what is fetched ahead; until `leave`. */
  join(): void {
    this.#sharers += 1;
  }

  leave(): void {
    this.#sharers -= 1;
  }

  get sharers(): number {
    return this.#sharers;
  }

  /** How much may be fetched ahead for a version: if some took more, others would get none, and fall behind. */
  get shareBytes(): number {
    return this.limitBytes / 2 / Math.max(1, this.#sharers);
  }

  get #available(): number {
    return this.#slots.freeCount + this.#evictable;
  }

  get #committed(): number {
    return this.#slots.count - this.#available;
  }

  /** Whether a read may take so many slots now. None is refused to it that waits for none. */
  mayTake(slots: number, share: MemoryShare | undefined): boolean {
    return this.#isNext(share) && this.#fits(slots, share);
  }

  /**
   * Waits in line until `attempt` has taken what it needs: first come, first served, but those whose share is exceeded are passed
   * over. Rejects with `InterruptedError` when the signal fires, and for more than there is, which would wait for ever.
   */
  wait(attempt: Attempt, share: MemoryShare | undefined, url: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => settle(new InterruptedError(url, signal?.reason));
      const settle = (error?: unknown): void => {
        this.#line.delete(waiting);
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) return resolve();
        reject(error);
        this.#serveSoon();
      };
      const waiting: Waiting = { attempt, share, slots: 0, settle };
      if (signal?.aborted === true) return onAbort();
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#line.add(waiting);
      this.#serveSoon();
    });
  }

  /** The read of this step takes so many slots by `create`, before anything else does. */
  promise(slots: number): void {
    this.#promised = slots;
  }

  /**
   * Whether so many blocks may be begun that no read waits for: with all that is in use, at most half of the memory; or `share` of it,
   * for those that one is about to need.
   */
  hasRoomAhead(slots: number, share = AHEAD_SHARE): boolean {
    const used = this.#promised + slots;
    return this.#available >= used && this.#committed + used <= this.#slots.count * share && !this.#isAwaited;
  }

  /** A pending block, to be acquired in this step. There must be room for it. `isPromised`: by `promise`. */
  create(
    owner: BlockOwner,
    index: number,
    from: { filler: Filler; route: ReadRoute },
    isPromised: boolean,
  ): Block {
    if (isPromised) this.#promised -= 1;
    if (this.#slots.freeCount === 0) this.#evictOldest();
    const number = this.#slots.take();
    return new Block(owner, index, { number, memory: this.#slots.memoryOf(number) }, from);
  }

  /** Whether it is neither used nor written to disk. */
  isEvictable(block: Block): boolean {
    return block.isComplete && block.users === 0 && block.writers === 0;
  }

  acquire(block: Block): void {
    if (this.isEvictable(block)) this.#unlink(block);
    if (block.users === 0) {
      block.share = block.owner.share;
      block.share?.acquire();
      block.share?.add(this.blockBytes);
    }
    block.users += 1;
  }

  release(block: Block): void {
    block.users -= 1;
    if (block.users > 0) return;
    block.share?.add(-this.blockBytes);
    block.share?.release();
    block.share = undefined;
    this.#settle(block);
  }

  /** For who writes it to disk: that counts to no share. */
  acquireForWriter(block: Block): void {
    if (this.isEvictable(block)) this.#unlink(block);
    block.writers += 1;
  }

  releaseFromWriter(block: Block): void {
    block.writers -= 1;
    this.#settle(block);
  }

  /** Removes a complete block from memory, at the latest when its last user releases it. */
  drop(block: Block): void {
    if (this.isEvictable(block)) this.#evict(block);
    else block.isLeaving = true;
  }

  /** A user has released it. */
  #settle(block: Block): void {
    this.#serveSoon();
    if (block.users > 0 || block.writers > 0) return;
    if (block.isComplete && !block.isLeaving) {
      this.#link(block);
      return;
    }
    if (block.state !== 'gone') block.owner.remove(block);
    this.#slots.release(block.slot);
  }

  #evictOldest(): void {
    if (this.#oldest === undefined) throw new Error('a block was begun without room for it');
    this.activity.evictedBytes += this.#oldest.visibleBytes;
    this.#evict(this.#oldest);
  }

  #evict(block: Block): void {
    this.#unlink(block);
    block.owner.remove(block);
    this.#slots.release(block.slot);
    this.#serveSoon();
  }

  #link(block: Block): void {
    block.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = block;
    else this.#newest.newer = block;
    this.#newest = block;
    this.#evictable += 1;
  }

  #unlink(block: Block): void {
    if (block.older === undefined) this.#oldest = block.newer;
    else block.older.newer = block.newer;
    if (block.newer === undefined) this.#newest = block.older;
    else block.newer.older = block.older;
    block.older = block.newer = undefined;
    this.#evictable -= 1;
  }

  #fits(slots: number, share: MemoryShare | undefined): boolean {
    return slots <= this.#available && !this.#isBeyond(slots, share);
  }

  #isBeyond(slots: number, share: MemoryShare | undefined): boolean {
    return share?.isExceededBy(slots * this.blockBytes, this.#available * this.blockBytes) === true;
  }

  /** Whether no read waits that goes before one of this share. */
  #isNext(share: MemoryShare | undefined): boolean {
    for (const waiting of this.#line) {
      if (waiting.share === share || !this.#isBeyond(waiting.slots, waiting.share)) return false;
    }
    return true;
  }

  get #isAwaited(): boolean {
    for (const { slots, share } of this.#line) if (!this.#isBeyond(slots, share)) return true;
    return false;
  }

  /** Not in the step in which something was released: it may be in the midst of something. */
  #serveSoon(): void {
    if (this.#isServing || this.#line.size === 0) return;
    this.#isServing = true;
    queueMicrotask(() => {
      this.#isServing = false;
      this.#serve();
    });
  }

  #serve(): void {
    const passed = new Set<MemoryShare | undefined>();
    for (const waiting of this.#line) {
      const { share, attempt, settle } = waiting;
      if (passed.has(share)) continue;
      const hasRoom = (slots: number): boolean => {
        if (slots > this.#slots.count) throw new RangeError('a read is longer than the memory for blocks');
        waiting.slots = slots;
        return this.#fits(slots, share);
      };
      try {
        if (attempt(hasRoom)) settle();
        else if (this.#isBeyond(waiting.slots, share)) passed.add(share);
        else return;
      } catch (error) {
        settle(error);
      }
    }
  }
}
