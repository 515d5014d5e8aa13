import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** An error, with its stack and its cause. */
const ERROR_BYTES = 4_000;

interface Failure {
  readonly url: string;
  readonly error: Error;
}

/**
 * The failed query of the last LOOKUP of each caller, if the LOOKUP was answered by a directory all the same. If the
 * caller's next request uses the name, it fails with the same error instead of waiting for another.
 */
export class RecentFailures {
  readonly #byCaller: BoundedMap<Failure>;

  constructor(budget: MetadataBudget) {
    this.#byCaller = new BoundedMap({ budget, bytesOf: ({ url }) => ERROR_BYTES + stringBytes(url) });
  }

  add(caller: number, url: string, error: unknown): void {
    if (error instanceof Error) this.#byCaller.set(String(caller), { url, error });
  }

  /** Removes the failure, and returns it if it is of this URL. */
  take(caller: number, url: string): Error | undefined {
    if (this.#byCaller.size === 0) return undefined;
    const failure = this.#byCaller.get(String(caller));
    this.#byCaller.delete(String(caller));
    return failure?.url === url ? failure.error : undefined;
  }
}
