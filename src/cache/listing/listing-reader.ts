import { ChangedError } from '../../source/index.js';
import type { ListedEntry } from '../resource-cache.js';
import { ACTIVE_MS, type Listing, type Reading } from './listing.js';
import type { Waiter } from '../waiter.js';
import type { OpenListing, ReadPlace } from './open-listing.js';

/** A listing to read from a place on; `isNew`: no other will do. */
export type FindListing = (place: number, isNew: boolean) => Listing;

const START: ReadPlace = { place: 0, digest: 0 };
/** To compare the digests of two listings, some entries before the place are needed. */
const COMPARED_ENTRIES = 64;

/**
 * Reads a directory: one listing as long as that has what is to be read, and then another, if the names before the place are the
 * same there.
 */
export class ListingReader implements OpenListing, Reading {
  readonly #url: string;
  readonly #find: FindListing;
  #listing: Listing | undefined;
  /** The names of the listing are not compared yet. */
  #mustCompare: boolean;
  #read: ReadPlace;
  #place = 0;
  #isWaiting = false;
  #readAtMs = -Infinity;
  #isClosed = false;
  #needsAll = false;

  /** `read`: by another process. */
  constructor(url: string, find: FindListing, read = START) {
    this.#url = url;
    this.#find = find;
    this.#read = read;
    this.#mustCompare = read.place > 0;
  }

  get place(): number {
    return this.#place;
  }

  get neededPlace(): number {
    if (this.#needsAll) return Infinity;
    return this.#mustCompare ? Math.max(this.#place, this.#read.place) : this.#place;
  }

  get isActive(): boolean {
    return this.#isWaiting || performance.now() - this.#readAtMs < ACTIVE_MS;
  }

  whenAt(place: number, waiter?: Waiter): Promise<void> | undefined {
    const listing = this.#listing;
    const isHere = listing !== undefined && (listing.entries.has(place) || listing.isOver(place));
    if (!isHere || (this.#mustCompare && place > 0)) return this.#waitFor(place, waiter?.signal);
    this.#note(listing, place);
    return undefined;
  }

  segmentAt(place: number): string | undefined {
    return this.#listing?.entries.segmentAt(place);
  }

  isDirectoryAt(place: number): boolean {
    return this.#listing?.entries.isDirectoryAt(place) === true;
  }

  entryAt(place: number): ListedEntry | undefined {
    return this.#listing?.entries.at(place);
  }

  /** When the source was queried for what it reads. */
  get queriedAtMs(): number {
    return this.#listing?.queriedAtMs ?? -Infinity;
  }

  readTo(place: number): ReadPlace | undefined {
    const digest = this.#listing?.entries.digestBefore(place);
    return digest === undefined ? undefined : { place, digest };
  }

  /** Reads on until all has come, or is too long to be kept. */
  async whenComplete(signal: AbortSignal): Promise<void> {
    const listing = this.#attach(0, false);
    this.#needsAll = true;
    listing.resume();
    while (listing.state === 'coming' && !listing.isLong) await listing.whenGrown(signal);
    if (listing.state === 'failed' && listing.instead === undefined) throw listing.error;
  }

  close(): void {
    this.#isClosed = true;
    this.#leave();
  }

  async #waitFor(place: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.#isWaiting = true;
    let mustBeNew = false;
    try {
      for (;;) {
        if (this.#isClosed) return;
        const listing = this.#listing ?? this.#attach(place, mustBeNew);
        this.#place = place;
        listing.resume();
        const is = this.#stateOf(listing, place);
        if (is === 'ready') {
          this.#note(listing, place);
          return;
        }
        if (is === 'coming') {
          await listing.whenGrown(signal);
          continue;
        }
        this.#replace(listing, place);
        mustBeNew = is === 'lacking';
      }
    } finally {
      this.#isWaiting = false;
      this.#readAtMs = performance.now();
    }
  }

  /** `lacking`: it has dropped what is needed, or failed. */
  #stateOf(listing: Listing, place: number): 'ready' | 'coming' | 'lacking' {
    const isHere = listing.entries.has(place) || listing.isOver(place);
    if (place === 0) this.#mustCompare = false;
    if (!this.#mustCompare && isHere) return 'ready';
    if (!listing.reaches(place)) return 'lacking';
    if (!this.#mustCompare) return 'coming';
    const { place: read, digest } = this.#read;
    if (listing.entries.count < read && listing.state === 'coming') return 'coming';
    const found = listing.entries.digestBefore(read);
    if (found === undefined && listing.entries.count >= read) return 'lacking';
    if (found !== digest) throw new ChangedError(this.#url, { expected: 'the names that were read before' });
    this.#mustCompare = false;
    return this.#stateOf(listing, place);
  }

  #attach(place: number, isNew: boolean): Listing {
    const first = this.#mustCompare ? Math.min(place, this.#read.place) - COMPARED_ENTRIES : place;
    this.#listing = this.#find(Math.max(0, first), isNew);
    this.#listing.join(this);
    return this.#listing;
  }

  /** The listing is of no use any more. Throws its failure. */
  #replace(listing: Listing, place: number): void {
    const { instead, error } = listing;
    if (listing.state === 'failed' && instead?.reaches(0) !== true) throw error;
    this.#leave();
    // To go back, what is before that place is compared, as far as its digest is there still.
    const before = place - (place % COMPARED_ENTRIES);
    if (place < this.#read.place)
      this.#read = { place: before, digest: listing.entries.digestBefore(before) ?? 0 };
    if (this.#read.digest === 0) this.#read = START;
    this.#mustCompare = this.#read.place > 0;
    if (listing.state !== 'failed' || instead === undefined) return;
    this.#listing = instead;
    instead.join(this);
    if (this.#mustCompare && instead.entries.digestBefore(this.#read.place) !== this.#read.digest)
      throw error;
  }

  #leave(): void {
    this.#listing?.leave(this);
    this.#listing = undefined;
  }

  #note(listing: Listing, place: number): void {
    this.#place = place;
    this.#readAtMs = performance.now();
    const digest = listing.entries.digestBefore(place);
    if (digest !== undefined) this.#read = { place, digest };
    listing.resume();
  }
}
