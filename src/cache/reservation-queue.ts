/** How long somebody waits while nothing goes on. */
const PATIENCE_MS = 100;

export interface ReservationQueueContext {
  /** Whether so much can be committed now to the one who waits first. */
  readonly isGrantable: (bytes: number) => boolean;
  readonly commit: (bytes: number) => void;
  /** Nothing was granted or completed for a while, though somebody waits. */
  readonly onStuck: () => void;
}

/** Those who wait for memory: first come, first served. */
export class ReservationQueue {
  readonly #context: ReservationQueueContext;
  readonly #waiting: { readonly bytes: number; readonly grant: () => void }[] = [];
  #steps = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(context: ReservationQueueContext) {
    this.#context = context;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Something went on, which may let others go on. */
  noteStep(): void {
    this.#steps += 1;
  }

  /** Resolves when `bytes` are committed. Rejects with the signal's reason when it fires. */
  async wait(bytes: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.isEmpty && this.#context.isGrantable(bytes)) {
      this.#context.commit(bytes);
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
      let next = this.#waiting[0];
      next !== undefined && this.#context.isGrantable(next.bytes);
      next = this.#waiting[0]
    ) {
      this.#waiting.shift();
      this.#steps += 1;
      this.#context.commit(next.bytes);
      next.grant();
    }
  }

  #watchProgress(): void {
    if (this.#watch !== undefined || this.isEmpty) return;
    const steps = this.#steps;
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      if (steps === this.#steps) this.#context.onStuck();
      this.grant();
      this.#watchProgress();
    }, PATIENCE_MS).unref();
  }
}
