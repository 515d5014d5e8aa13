import { LRUCache } from 'lru-cache';

import type { HttpCaller } from '../http/http-engine.js';
import { orAborted } from '../or-aborted.js';

/**
 * For how long a result is kept: a burst of lookups costs one query. For how long metadata is fresh is decided by the cache
 * of the mount.
 */
const TTL_MS = 1_000;

/** What was queried a moment ago, once for all who wait for it: one that gives up does not end it for the others. */
export class RecentResults<Value> {
  readonly #results: LRUCache<string, Promise<Value>>;

  constructor(max: number) {
    // Purged then: a thousand documents would stay otherwise.
    this.#results = new LRUCache({ max, ttl: TTL_MS, ttlAutopurge: true });
  }

  async get(key: string, caller: HttpCaller, query: (caller: HttpCaller) => Promise<Value>): Promise<Value> {
    let result = this.#results.get(key);
    if (result === undefined) {
      result = query({ ...plain(caller), signal: undefined });
      this.#results.set(key, result);
      result.catch(() => this.#results.delete(key));
    }
    return await orAborted(result, caller.signal, caller.url);
  }
}

/** The caller may be a `Request`, whose members a spread would not copy. */
function plain({ url, pin, priority, promotion, signal }: HttpCaller): HttpCaller {
  return { url, pin, priority, promotion, signal };
}
