import type { DirEntry } from '../directory-reader.js';
import type { Node } from '../node.js';
import type { Entry } from '../entry.js';

/** An open directory: its node, and its entries. */
export interface OpenDirectory {
  readonly node: Node;
  readonly listed: readonly DirEntry[];
}

/** The result of a LOOKUP of the entry at a place, if it needs no query. */
export type LookAt = (directory: OpenDirectory, place: number) => Entry | undefined;

/** A run of entries of an open directory; `entries[i]` is at the place `from + i`. */
export interface Run {
  readonly from: number;
  readonly entries: (Entry | undefined)[];
  madeAtMs: number;
}

/** A reader that takes longer does not stream, and must not get old entries. */
const MAX_AGE_MS = 100;

/**
 * Looks up the entries of the next READDIRPLUS while the kernel processes the reply to the one before: for large
 * directories the two take about as long.
 */
export class ReaddirPrefetch {
  readonly #look: LookAt;
  readonly #runs = new Map<number, Run>();

  constructor(look: LookAt) {
    this.#look = look;
  }

  /** The last reply ended before `from`; the next one will have about `count` entries. */
  prepare(handle: number, directory: OpenDirectory, from: number, count: number): void {
    const run: Run = { from, entries: [], madeAtMs: performance.now() };
    this.#runs.set(handle, run);
    setImmediate(() => {
      if (this.#runs.get(handle) === run) this.#make(run, directory, count);
    });
  }

  /** Removes the run for the next reply. */
  take(handle: number): Run | undefined {
    const run = this.#runs.get(handle);
    this.#runs.delete(handle);
    return run === undefined || performance.now() - run.madeAtMs > MAX_AGE_MS ? undefined : run;
  }

  drop(handle: number): void {
    this.#runs.delete(handle);
  }

  clear(): void {
    this.#runs.clear();
  }

  #make(run: Run, directory: OpenDirectory, count: number): void {
    run.madeAtMs = performance.now();
    for (let i = 0; i < count; i += 1) run.entries.push(this.#look(directory, run.from + i));
  }
}

/** The entry at a place, as far as it was looked up. */
export function entryOf({ from, entries }: Run, place: number): Entry | undefined {
  const index = place - from;
  return index >= 0 && index < entries.length ? entries[index] : undefined;
}
