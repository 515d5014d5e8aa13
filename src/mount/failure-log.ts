import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';

import { redactPath, safeText, SourceError } from '../source/index.js';
import { errnoName, type Purpose } from './errno.js';
import { FsError } from './fs-error.js';

/** The same failure of the same resource is logged once in this time. */
const REPEAT_AFTER_MS = 10_000;

/** And of all failures so many: there is no end of names that fail. */
const MAX_LOGGED = 100;

/** Of what was logged a moment ago: URLs may be long. */
const MAX_KEY_CHARS = 256 * 1024;

/** Answers that are part of normal life. */
const EXPECTED = new Set(['NOT_FOUND', 'INTERRUPTED', 'NO_CLIENT']);

/** Logs failed operations: which one, of which URL, what was expected and what was received. */
export class FailureLog {
  readonly #log: Logger;
  readonly #recent = new LRUCache<string, true>({
    max: 1_000,
    maxSize: MAX_KEY_CHARS,
    sizeCalculation: (_, key) => key.length,
    ttl: REPEAT_AFTER_MS,
  });

  #untilMs = 0;
  #left = 0;

  constructor(log: Logger) {
    this.#log = log;
  }

  note(operation: string, usedPath: string, error: unknown, purpose: Purpose): void {
    const path = redactPath(usedPath);
    if (error instanceof FsError) {
      this.#log.trace({ operation, path, code: error.code }, error.message);
      return;
    }
    const errno = errnoName(error, purpose);
    if (!(error instanceof SourceError)) {
      this.#log.error({ operation, path, errno, err: error }, 'unexpected failure');
      return;
    }
    const { code, url, expected, found } = error;
    const facts = { operation, url, code, errno, expected, found };
    const key = `${code} ${url}`;
    if (EXPECTED.has(code) || this.#recent.has(key) || !this.#mayLog()) {
      this.#log.debug(facts, error.message);
    } else {
      this.#recent.set(key, true);
      this.#log.warn({ ...facts, cause: causeOf(error) }, error.message);
    }
  }

  #mayLog(): boolean {
    const nowMs = performance.now();
    if (nowMs >= this.#untilMs) {
      this.#untilMs = nowMs + REPEAT_AFTER_MS;
      this.#left = MAX_LOGGED;
    }
    this.#left -= 1;
    if (this.#left === -1) this.#log.warn('very many failures; for a moment no more are logged');
    return this.#left >= 0;
  }
}

function causeOf(error: Error): string | undefined {
  return error.cause instanceof Error ? safeText(error.cause.message) : undefined;
}
