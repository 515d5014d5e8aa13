import { GOOD_MS } from '../src/mount/dev-fuse/kept-connection.js';

/** So many that failed one after the other end the mount. */
const MAX_FAILURES = 5;
const [FIRST_DELAY_MS, MAX_DELAY_MS] = [100, 3_000];

/** Decides when, and whether, a process that ended is followed by another one. */
export class CrashLoop {
  #failures = 0;

  /** How long to wait for the next start; undefined: it is to be given up. `servedMs` 0: it did not get so far. */
  nextDelayMs(servedMs: number): number | undefined {
    if (servedMs >= GOOD_MS) {
      this.#failures = 0;
      return 0;
    }
    this.#failures += 1;
    if (this.#failures >= MAX_FAILURES) return undefined;
    return this.#failures === 1 ? 0 : Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 4 ** (this.#failures - 2));
  }
}

/** The same by the journal, for a manager that does not count. */
export function isCrashLoop(failures: number): boolean {
  return failures >= MAX_FAILURES;
}
