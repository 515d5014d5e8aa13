import type { Entry } from '../virtual-fs.js';

/** One run of entries of an open directory; `entries[i]` is that of the place `from + i`. */
interface Run {
  readonly from: number;
  readonly entries: (Entry | undefined)[];
  madeAtMs: number;
}

/** A reader that takes longer to come back is no stream, and what it gets told must not be old. */
const MAX_AGE_MS = 100;

/**
 * What the next answer to a reader of a directory will tell, looked up while the kernel takes in the answer
 * before: for large directories the two take about as long.
 */
export class EntriesAhead {
  readonly #runs = new Map<number, Run>();

  /** The answer before ended at `from`; the next one will have about `count` entries. */
  prepare(handle: number, from: number, count: number, look: (place: number) => Entry | undefined): void {
    const run: Run = { from, entries: [], madeAtMs: 0 };
    this.#runs.set(handle, run);
    setImmediate(() => {
      if (this.#runs.get(handle) !== run) return;
      run.madeAtMs = performance.now();
      for (let i = 0; i < count; i += 1) run.entries.push(look(from + i));
    });
  }

  /** The entries of a directory by their places, as far as they are known and fresh. */
  take(handle: number): (place: number) => Entry | undefined {
    const run = this.#runs.get(handle);
    this.#runs.delete(handle);
    if (run === undefined || performance.now() - run.madeAtMs > MAX_AGE_MS) return () => undefined;
    return (place) => run.entries[place - run.from];
  }

  drop(handle: number): void {
    this.#runs.delete(handle);
  }

  /** Something changed. */
  clear(): void {
    this.#runs.clear();
  }
}
