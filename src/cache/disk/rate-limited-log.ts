import type { Logger } from 'pino';

import { codeOf } from '../../error-code.js';

const INTERVAL_MS = 60_000;

/** Logs each kind of fault of the store once a minute at the most. */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #directory: string;
  readonly #warnedAtMs = new Map<string, number>();

  constructor(log: Logger, directory: string) {
    this.#log = log;
    this.#directory = directory;
  }

  /** `what` is what could not be done: a fixed sentence, the same for all files. */
  warn(what: string, error?: unknown, facts: Readonly<Record<string, string>> = {}): void {
    const kind = `${what} ${codeOf(error)}`;
    const now = performance.now();
    const warnedAtMs = this.#warnedAtMs.get(kind);
    if (warnedAtMs !== undefined && now - warnedAtMs < INTERVAL_MS) return;
    this.#warnedAtMs.set(kind, now);
    this.#log.warn({ directory: this.#directory, ...facts, err: error }, `disk cache: ${what}`);
  }
}
