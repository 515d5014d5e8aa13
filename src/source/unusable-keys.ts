import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';

/** Of which buckets or servers it was said already. */
const MAX_PLACES = 1_000;

/** Logs once for each bucket, or server, that it has keys, or paths, which no name of a file can stand for. */
export class UnusableKeys {
  readonly #log: Logger;
  readonly #words: { readonly place: string; readonly key: string };
  readonly #reported = new LRUCache<string, true>({ max: MAX_PLACES });

  /** `words`: as the source calls them. */
  constructor(log: Logger, words = { place: 'bucket', key: 'key' }) {
    this.#log = log;
    this.#words = words;
  }

  report(url: URL, given: string): void {
    const { place, key } = this.#words;
    const origin = `${url.protocol}//${url.host}`;
    if (this.#reported.has(origin)) return;
    this.#reported.set(origin, true);
    this.#log.warn(
      { [place]: origin, [key]: JSON.stringify(given) },
      `${key}s that cannot be names of files are not shown, such as this`,
    );
  }
}
