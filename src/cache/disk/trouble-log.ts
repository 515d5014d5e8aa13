import type { Logger } from 'pino';

import { codeOf } from './file-io.js';

const QUIET_MS = 60_000;

/** Tells of each kind of trouble with the store once, then not again for a minute. */
export class TroubleLog {
  readonly #log: Logger;
  readonly #directory: string;
  readonly #toldAtMs = new Map<string, number>();

  constructor(log: Logger, directory: string) {
    this.#log = log;
    this.#directory = directory;
  }

  /** `what` is what could not be done: a fixed sentence, the same for all files. */
  note(what: string, error?: unknown, facts: Readonly<Record<string, string>> = {}): void {
    const kind = `${what} ${codeOf(error)}`;
    const now = performance.now();
    const told = this.#toldAtMs.get(kind);
    if (told !== undefined && now - told < QUIET_MS) return;
    this.#toldAtMs.set(kind, now);
    this.#log.warn({ directory: this.#directory, ...facts, err: error }, `disk cache: ${what}`);
  }
}
