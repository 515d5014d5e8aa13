import type { Waiter } from '../waiter.js';

/** How far a directory was read, for the next process: a digest of the names before a place. */
export interface ReadPlace {
  readonly place: number;
  readonly digest: number;
}

/** A directory that is being read: each of its entries has a place, which stays its own. */
export interface OpenListing {
  /**
   * Undefined: the entry at the place is here, or the listing has ended before it. Rejects with what the source throws, and with
   * `ChangedError` if the directory had to be listed again, and other names are before the place now.
   */
  whenAt(place: number, waiter?: Waiter): Promise<void> | undefined;
  /** The last path element, percent-encoded as in the URL; undefined: the entry is not here. */
  segmentAt(place: number): string | undefined;
  isDirectoryAt(place: number): boolean;
  /** For the next process; undefined: the place is not here. */
  readTo(place: number): ReadPlace | undefined;
  close(): void;
}
