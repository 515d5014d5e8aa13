import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';

/** Of which buckets it was said already. */
const MAX_BUCKETS = 1_000;

/** Logs once for each bucket that it has keys which no name of a file can stand for. */
export class UnusableKeys {
  readonly #log: Logger;
  readonly #reported = new LRUCache<string, true>({ max: MAX_BUCKETS });

  constructor(log: Logger) {
    this.#log = log;
  }

  report(url: URL, key: string): void {
    const bucket = `${url.protocol}//${url.host}`;
    if (this.#reported.has(bucket)) return;
    this.#reported.set(bucket, true);
    this.#log.warn(
      { bucket, key: JSON.stringify(key) },
      'keys that cannot be names of files are not shown, such as this',
    );
  }
}
