import type { MemoryShare } from './memory-shares.js';

/** How long somebody waits while nothing goes on. */
const PATIENCE_MS = 100;

export interface ReservationQueueContext {
  /** Whether so much can be committed now to the one who waits first. */
  readonly isGrantable: (bytes: number) => boolean;
  readonly commit: (bytes: number) => void;
  /** Whether who asks has to leave the rest to others. */
  readonly isBeyondShare: (bytes: number, share: MemoryShare) => boolean;
  /** Nothing was granted or completed for a while, though somebody waits. */
  readonly onStuck: () => void;
}

interface Reservation {
  readonly bytes: number;
  readonly share: MemoryShare | undefined;
  readonly grant: () => void;
}

/** Those who wait for memory: first come, first served, apart from those who have more than their share. */
export class ReservationQueue {
  readonly #context: ReservationQueueContext;
  readonly #waiting: Reservation[] = [];
  #steps = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(context: ReservationQueueContext) {
    this.#context = context;
  }

  /** Somebody waits who goes before whoever comes now. */
  get isTaken(): boolean {
    return this.#next() !== undefined;
  }

  /** Something went on, which may let others go on. */
  noteStep(): void {
    this.#steps += 1;
  }

  /** Resolves when `bytes` are committed. Rejects with the signal's reason when it fires. */
  async wait(bytes: number, signal: AbortSignal | undefined, share?: MemoryShare): Promise<void> {
    signal?.throwIfAborted();
    const isAllowed = !this.#isBeyondShare({ bytes, share });
    if (isAllowed && !this.isTaken && this.#context.isGrantable(bytes)) {
      this.#commit({ bytes, share });
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(entry), 1);
        reject(signal?.reason as Error);
        this.grant();
      };
      const entry = {
        bytes,
        share,
        grant: () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(entry);
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
      this.#waiting.splice(this.#waiting.indexOf(next), 1);
      this.#steps += 1;
      this.#commit(next);
      next.grant();
    }
  }

  #next(): Reservation | undefined {
    return this.#waiting.find((reservation) => !this.#isBeyondShare(reservation));
  }

  #isBeyondShare({ bytes, share }: Pick<Reservation, 'bytes' | 'share'>): boolean {
    return share !== undefined && this.#context.isBeyondShare(bytes, share);
  }

  /** The share is told at once: the next one who is granted something may be the same. */
  #commit({ bytes, share }: Pick<Reservation, 'bytes' | 'share'>): void {
    share?.add(bytes);
    this.#context.commit(bytes);
  }

  #watchProgress(): void {
    if (this.#watch !== undefined || this.#waiting.length === 0) return;
    const steps = this.#steps;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      if (steps === this.#steps) this.#context.onStuck();
      this.grant();
      this.#watchProgress();
    }, PATIENCE_MS).unref();
  }
}
