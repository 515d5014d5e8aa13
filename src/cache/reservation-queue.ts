import type { MemoryShare } from './memory-shares.js';

/** After so long without a step, pinned blocks are released. */
const PATIENCE_MS = 100;

export interface ReservationQueueContext {
  /** Whether so much can be committed now to the first that waits. */
  readonly isGrantable: (bytes: number) => boolean;
  readonly commit: (bytes: number) => void;
  /** Whether the share would be exceeded. */
  readonly isBeyondShare: (bytes: number, share: MemoryShare) => boolean;
  /** Nothing was granted or completed for a while, though a read waits. */
  readonly onStuck: () => void;
}

interface Reservation {
  readonly bytes: number;
  readonly share: MemoryShare | undefined;
  /** Of all reservations that ever waited, which one it is. */
  readonly order: number;
  readonly grant: () => void;
}

/**
 * Reads that wait for memory: first come, first served within each share, and among the shares that are not exceeded.
 * The cost of each operation grows with the number of shares that wait, not with the number of reads.
 */
export class ReservationQueue {
  readonly #context: ReservationQueueContext;
  /** No set is empty. */
  readonly #waiting = new Map<MemoryShare | undefined, Set<Reservation>>();
  #lastOrder = 0;
  #steps = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(context: ReservationQueueContext) {
    this.#context = context;
  }

  /** A read waits that goes before any new one. */
  get isTaken(): boolean {
    return this.#next() !== undefined;
  }

  /** A block was completed, which may let reads go on. */
  noteStep(): void {
    this.#steps += 1;
  }

  /** Resolves when `bytes` are committed. Rejects with the signal's reason when it fires. */
  async wait(bytes: number, signal: AbortSignal | undefined, share?: MemoryShare): Promise<void> {
    signal?.throwIfAborted();
    const isFirst = !this.#waiting.has(share) && !this.#isBeyondShare({ bytes, share }) && !this.isTaken;
    if (isFirst && this.#context.isGrantable(bytes)) {
      this.#commit({ bytes, share });
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#remove(entry);
        reject(signal?.reason as Error);
        this.grant();
      };
      this.#lastOrder += 1;
      const entry = {
        bytes,
        share,
        order: this.#lastOrder,
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#add(entry);
      this.#watchProgress();
    });
  }

  /** Grants what can be granted by now. */
  grant(): void {
    for (
      let next = this.#next();
      next !== undefined && this.#context.isGrantable(next.bytes);
      next = this.#next()
    ) {
      this.#remove(next);
      this.#steps += 1;
      this.#commit(next);
      next.grant();
    }
  }

  #next(): Reservation | undefined {
    let next: Reservation | undefined;
    for (const [first] of this.#waiting.values()) {
      if (first === undefined || (next !== undefined && next.order < first.order)) continue;
      if (!this.#isBeyondShare(first)) next = first;
    }
    return next;
  }

  #add(entry: Reservation): void {
    const waiting = this.#waiting.get(entry.share);
    if (waiting === undefined) this.#waiting.set(entry.share, new Set([entry]));
    else waiting.add(entry);
  }

  #remove(entry: Reservation): void {
    const waiting = this.#waiting.get(entry.share);
    waiting?.delete(entry);
    if (waiting?.size === 0) this.#waiting.delete(entry.share);
  }

  #isBeyondShare({ bytes, share }: Pick<Reservation, 'bytes' | 'share'>): boolean {
    return share !== undefined && this.#context.isBeyondShare(bytes, share);
  }

  /** Counted at once: the next reservation that is granted may be of the same share. */
  #commit({ bytes, share }: Pick<Reservation, 'bytes' | 'share'>): void {
    share?.add(bytes);
    this.#context.commit(bytes);
  }

  #watchProgress(): void {
    if (this.#watch !== undefined || this.#waiting.size === 0) return;
    const steps = this.#steps;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      if (steps === this.#steps) this.#context.onStuck();
      this.grant();
      this.#watchProgress();
    }, PATIENCE_MS).unref();
  }
}
