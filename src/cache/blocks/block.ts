import { InterruptedError } from '../../source/index.js';
import type { ReadRoute } from '../cache-activity.js';
import type { VersionKey } from '../version-identity.js';
import type { MemoryShare } from './memory-shares.js';

/**
 * `pending`: its filler brings it, and the first `visibleBytes` may be read. `complete`: all of it is there, and stays until it is
 * evicted or dropped. `gone`: it will not come, and another object stands for the index now.
 */
export type BlockState = 'pending' | 'complete' | 'gone';

/** What a block belongs to. */
export interface BlockOwner {
  readonly key: VersionKey;
  /** What its memory counts to while it is used. */
  readonly share: MemoryShare | undefined;
  /** A complete block is evicted or dropped, or no user is left of a pending one. */
  remove(block: Block): void;
}

/** Brings blocks: a fetch, a download, the disk. */
export type Filler = object;

/**
 * One block of one version: a slot of memory, from when the block is requested until it is evicted. `users` are the reads that
 * need it and the body that is received into it, `writers` those who write it to disk: with any of them the memory is theirs,
 * whatever becomes of the block. Without, a complete block may be evicted, and any other is gone.
 */
export class Block {
  readonly owner: BlockOwner;
  readonly index: number;
  readonly slot: number;
  readonly memory: Uint8Array;
  readonly filler: Filler;
  /** For the next read of it. */
  route: ReadRoute;
  /** The next four are the pool's. */
  users = 0;
  writers = 0;
  /** No reader is expected to need it again: it is dropped as soon as it is not used. */
  isLeaving = false;
  /** While it has users. */
  share: MemoryShare | undefined;
  /** Neighbours in the pool's list of those that can be evicted. */
  older: Block | undefined;
  newer: Block | undefined;
  #state: BlockState = 'pending';
  #visibleBytes = 0;
  #error: unknown;
  #waiters: Waiter[] | undefined;

  constructor(
    owner: BlockOwner,
    index: number,
    slot: { number: number; memory: Uint8Array },
    from: { filler: Filler; route: ReadRoute },
  ) {
    this.owner = owner;
    this.index = index;
    this.slot = slot.number;
    this.memory = slot.memory;
    this.filler = from.filler;
    this.route = from.route;
  }

  get state(): BlockState {
    return this.#state;
  }

  get isComplete(): boolean {
    return this.#state === 'complete';
  }

  /** How many bytes from the start may be read. */
  get visibleBytes(): number {
    return this.#visibleBytes;
  }

  get visible(): Uint8Array {
    return this.memory.subarray(0, this.#visibleBytes);
  }

  /** Whether a read of its first `bytes` bytes need not wait. A complete block that is shorter is the last one. */
  has(bytes: number): boolean {
    return this.#state === 'complete' || (this.#state === 'pending' && this.#visibleBytes >= bytes);
  }

  /** The first `bytes` bytes are there. */
  advance(bytes: number): void {
    if (this.#state !== 'pending') return;
    this.#visibleBytes = bytes;
    this.#wake();
  }

  /** All of it is there: its length is `bytes`, even if a read waits for more. */
  complete(bytes: number): void {
    this.#visibleBytes = bytes;
    this.#state = 'complete';
    this.#wake();
  }

  /** It will not come. A waiting read begins again, or gets the error if there is one. */
  fail(error?: unknown): void {
    this.#state = 'gone';
    this.#error = error;
    this.#wake();
  }

  /**
   * Resolves to whether its first `bytes` bytes are there; false: it is gone, without an error. Rejects with its error, or with
   * `InterruptedError` when the signal fires.
   */
  whenVisible(bytes: number, signal?: AbortSignal): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiters = this.#waiters?.filter((other) => other !== waiter);
        reject(new InterruptedError(this.owner.key.resource, signal?.reason));
      };
      const settle = (): void => {
        signal?.removeEventListener('abort', onAbort);
        if (this.#error === undefined) resolve(this.#state !== 'gone');
        else reject(this.#error);
      };
      const waiter: Waiter = { bytes, settle };
      if (signal?.aborted === true) return onAbort();
      if (this.#state === 'gone' || this.has(bytes)) return settle();
      signal?.addEventListener('abort', onAbort, { once: true });
      (this.#waiters ??= []).push(waiter);
    });
  }

  /** As `whenVisible`, of all of it. */
  whenComplete(signal?: AbortSignal): Promise<boolean> {
    return this.whenVisible(Infinity, signal);
  }

  #wake(): void {
    const waiters = this.#waiters;
    if (waiters === undefined) return;
    const isDue = ({ bytes }: Waiter): boolean => this.#state === 'gone' || this.has(bytes);
    this.#waiters = waiters.filter((waiter) => !isDue(waiter));
    for (const waiter of waiters) if (isDue(waiter)) waiter.settle();
  }
}

interface Waiter {
  readonly bytes: number;
  readonly settle: () => void;
}
