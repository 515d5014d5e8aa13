import { InterruptedError } from '../source/index.js';
import type { ReadRoute } from './cache-activity.js';
import type { VersionKey } from './version.js';

/** What a short block takes is not its bytes: it is often the only one of its version. */
const MIN_MEMORY_BYTES = 2048;

/** What a block belongs to. */
export interface BlockOwner {
  readonly key: VersionKey;
  readonly blockBytes: number;
  /** The block was evicted. */
  remove(block: Block): void;
}

/**
 * One block of one version, from when it is requested until it is evicted (docs/ARCHITECTURE.md, "The life of a block"). Its
 * memory is used again for other blocks: a reader looks into it in the synchronous step in which it found the block there.
 */
export class Block {
  readonly owner: BlockOwner;
  readonly index: number;
  /** Undefined before the first byte, and when the block is gone. */
  memory: Uint8Array | undefined;
  isComplete = false;
  /** A read from the disk has claimed it, and fills it. */
  isClaimed = false;
  /** For the next read of it. */
  route: ReadRoute = 'source';
  /** It will not come, or was evicted: another object stands for the index now. */
  isLost = false;
  /** Writers to disk that still read the memory. */
  writers = 0;
  /** Reads that need it and wait, for it or for others. */
  readers = 0;
  /** It is kept for those reads. */
  isPinned = false;
  /** No reader is expected to need it again: it is not cached once released. */
  isDropped = false;
  #visibleBytes = 0;
  #waiters: Waiter[] | undefined;

  constructor(owner: BlockOwner, index: number) {
    this.owner = owner;
    this.index = index;
  }

  /** What it takes of the memory, with what belongs to it. */
  get memoryBytes(): number {
    return Math.max(this.memory?.byteLength ?? 1, Math.min(MIN_MEMORY_BYTES, this.owner.blockBytes));
  }

  /** Written to disk, or kept for a read: not to be evicted. */
  get isProtected(): boolean {
    return this.writers > 0 || this.isPinned;
  }

  /** How many bytes from the start may be read. */
  get visibleBytes(): number {
    return this.#visibleBytes;
  }

  /** The first `bytes` bytes are there. Wakes the reads that wait for no more. */
  advance(bytes: number): void {
    this.#visibleBytes = bytes;
    this.#wake((waiter) => waiter.bytes <= bytes);
  }

  /** All of it is there: its length is `visibleBytes`, even if a read waits for more. */
  complete(bytes: number): void {
    this.#visibleBytes = bytes;
    this.isComplete = true;
    this.#wake(() => true);
  }

  /** It will not come, or is no longer there. A waiting read looks again, or gets the error if there is one. */
  lose(error?: unknown): void {
    this.#visibleBytes = 0;
    this.isComplete = false;
    this.isLost = true;
    this.memory = undefined;
    this.#wake(() => true, error);
  }

  /** What was filled so far is discarded; another filler fills it from its start. */
  restart(): void {
    this.#visibleBytes = 0;
    this.memory = undefined;
  }

  /**
   * Waits until `bytes` bytes are there, or the block's fate is decided otherwise. `onVisible` is called at the
   * very moment at which they are; a step later they may be evicted again. Rejects with `InterruptedError` when
   * the signal fires, after which `onVisible` is not called any more.
   */
  whenVisible(bytes: number, signal?: AbortSignal, onVisible?: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters = this.#waiters?.filter((other) => other !== waiter);
        reject(new InterruptedError(this.owner.key.resource, signal?.reason));
      };
      const settle = (error?: unknown): void => {
        signal?.removeEventListener('abort', onAbort);
        if (error === undefined) resolve();
        else reject(error);
      };
      const waiter: Waiter = { bytes, onVisible, settle };
      if (signal?.aborted === true) {
        onAbort();
        return;
      }
      signal?.addEventListener('abort', onAbort, { once: true });
      (this.#waiters ??= []).push(waiter);
    });
  }

  #wake(isDue: (waiter: Waiter) => boolean, error?: unknown): void {
    if (this.#waiters === undefined) return;
    const due = this.#waiters.filter(isDue);
    if (due.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !isDue(waiter));
    for (const waiter of due) {
      if (this.#visibleBytes > 0) waiter.onVisible?.();
      waiter.settle(error);
    }
  }
}

interface Waiter {
  readonly bytes: number;
  readonly onVisible: (() => void) | undefined;
  /** With an error: it will not come. */
  readonly settle: (error?: unknown) => void;
}
