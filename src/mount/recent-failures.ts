import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** An error, with its stack and its cause. */
const ERROR_BYTES = 4_000;

interface Failure {
  readonly url: string;
  readonly error: Error;
}

/**
 * The last failed query of a LOOKUP that was answered by a directory all the same, per caller. If the name turns out to
 * be the last one of the path, its use fails with the same error instead of waiting for another.
 */
export class RecentFailures {
  readonly #byCaller: BoundedMap<Failure>;

  constructor(budget: MetadataBudget) {
    this.#byCaller = new BoundedMap({ budget, bytesOf: ({ url }) => ERROR_BYTES + stringBytes(url) });
  }

  note(caller: number, url: string, error: unknown): void {
    if (error instanceof Error) this.#byCaller.set(String(caller), { url, error });
  }

  /** Removes it. */
  take(caller: number, url: string): Error | undefined {
    if (this.#byCaller.size === 0) return undefined;
    const failure = this.#byCaller.get(String(caller));
    if (failure?.url !== url) return undefined;
    this.#byCaller.delete(String(caller));
    return failure.error;
  }
}
