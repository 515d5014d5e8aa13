import type { DirEntry } from '../directory-reader.js';
import type { Node } from '../node.js';
import type { Entry } from '../entry.js';

/** An open directory: itself, and what is in it. */
export interface OpenDirectory {
  readonly node: Node;
  readonly listed: readonly DirEntry[];
}

/** What a LOOKUP in a directory would answer, for the entry at a place; undefined if somebody would have to be asked. */
export type LookAt = (directory: OpenDirectory, place: number) => Entry | undefined;

/** One run of entries of an open directory; `entries[i]` is that of the place `from + i`. */
export interface Run {
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
  readonly #look: LookAt;
  readonly #runs = new Map<number, Run>();

  constructor(look: LookAt) {
    this.#look = look;
  }

  /** The answer before ended at `from`; the next one will have about `count` entries. */
  prepare(handle: number, directory: OpenDirectory, from: number, count: number): void {
    const run: Run = { from, entries: [], madeAtMs: performance.now() };
    this.#runs.set(handle, run);
    setImmediate(() => {
      if (this.#runs.get(handle) === run) this.#make(run, directory, count);
    });
  }

  /** What was made for the next answer to the reader. */
  take(handle: number): Run | undefined {
    const run = this.#runs.get(handle);
    this.#runs.delete(handle);
    return run === undefined || performance.now() - run.madeAtMs > MAX_AGE_MS ? undefined : run;
  }

  drop(handle: number): void {
    this.#runs.delete(handle);
  }

  /** Something changed. */
  clear(): void {
    this.#runs.clear();
  }

  #make(run: Run, directory: OpenDirectory, count: number): void {
    run.madeAtMs = performance.now();
    for (let i = 0; i < count; i += 1) run.entries.push(this.#look(directory, run.from + i));
  }
}

/** The entry at a place, as far as it was made. */
export function entryOf({ from, entries }: Run, place: number): Entry | undefined {
  const index = place - from;
  return index >= 0 && index < entries.length ? entries[index] : undefined;
}
