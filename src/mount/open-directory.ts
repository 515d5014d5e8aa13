import type { ReadPlace, Waiter } from '../cache/resource-cache.js';

/** An entry of a directory, at its place: readers go on behind it. */
export interface DirEntry {
  readonly name: string;
  readonly kind: 'directory' | 'file';
  readonly place: number;
}

/** A directory that is open, and read place by place. */
export interface OpenDirectory {
  /** What it takes in memory, without what caches keep. */
  readonly bytes: number;
  /** Undefined: `entryAt` has what is at the place or behind it, if there is or will be anything. Rejects with what the source throws. */
  whenAt(place: number, waiter?: Waiter): Promise<void> | undefined;
  /** The next entry, at the place or behind it; undefined: there is none now. */
  entryAt(place: number): DirEntry | undefined;
  /** By which another process reads on; undefined: by its names. */
  readTo(place: number): ReadPlace | undefined;
  close(): void;
}

/** Of any one, and of an entry beside its name. */
export const OPEN_DIRECTORY_BYTES = 1_000;
const ENTRY_BYTES = 100;

/** One that the mount makes, or whose names were used. */
export function directoryOf(entries: readonly Omit<DirEntry, 'place'>[]): OpenDirectory {
  return {
    bytes: entries.reduce((sum, { name }) => sum + ENTRY_BYTES + name.length, OPEN_DIRECTORY_BYTES),
    whenAt: () => undefined,
    entryAt: (place) => {
      const entry = place < entries.length ? entries[place] : undefined;
      return entry && { ...entry, place };
    },
    readTo: () => undefined,
    close: () => undefined,
  };
}
