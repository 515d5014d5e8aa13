import { withResolvers } from '../../with-resolvers.js';

/** The callers that wait for one fact. */
export class Waiters<Fact> {
  readonly #waiting = new Set<{ resolve: (fact: Fact) => void; reject: (error: unknown) => void }>();

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  /** Rejects with the signal's reason when it fires. */
  async wait(signal: AbortSignal | undefined): Promise<Fact> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = withResolvers<Fact>();
    const waiter = { resolve, reject };
    const onAbort = (): void => reject(signal?.reason);
    this.#waiting.add(waiter);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      this.#waiting.delete(waiter);
      signal?.removeEventListener('abort', onAbort);
    }
  }

  resolve(fact: Fact): void {
    for (const waiter of this.#waiting) waiter.resolve(fact);
  }

  reject(error: unknown): void {
    for (const waiter of this.#waiting) waiter.reject(error);
  }
}
