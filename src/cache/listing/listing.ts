import type { Links, MetadataBudget } from '../../memory/metadata-budget.js';
import { stringBytes } from '../../memory/bounded-map.js';
import { canonicalSegment, nextTurn, Promotion, Turns, uidOf, type UrlEntry } from '../../source/index.js';
import { withResolvers } from '../../with-resolvers.js';
import type { ListedEntry } from '../resource-cache.js';
import { Waiters } from '../download/waiters.js';
import { PackedEntries } from './packed-entries.js';

/** An open directory that the listing is read by. */
export interface Reading {
  /** From where it reads. */
  readonly place: number;
  /** How far it needs to be listed. */
  readonly neededPlace: number;
  /** Whether it waits, or has read a moment ago. */
  readonly isActive: boolean;
}

export interface ListingOptions {
  readonly directory: string;
  readonly budget: MetadataBudget;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** No directory is open any more that reads it. */
  readonly onUnread: (listing: Listing) => void;
  /** It had to make room. */
  readonly onDropped: (listing: Listing) => void;
}

export interface PlacedEntry {
  readonly entry: ListedEntry;
  /** When the source was queried for it. */
  readonly queriedAtMs: number;
}

/** A listing that is longer is not kept: of the budget. */
const KEPT_SHARE = 1 / 2;
/** Of one that is not kept, what was read last: of the budget, and at least. */
const WINDOW_SHARE = 1 / 4;
const MIN_WINDOW_BYTES = 64 * 1024;
/** So many entries are fetched before they are read: the requests do not wait for the readers. */
const AHEAD_ENTRIES = 2_000;
const STEP_ENTRIES = 500;
/** The next page waits so long for a reader that is not as fast as the others. */
export const ACTIVE_MS = 250;
/** The listing itself, and its place in a map. */
const LISTING_BYTES = 1_500;

/**
 * What one query of a directory lists, from its first page to its last. It can be read while it comes, and asks for the next page
 * when a reader is near the end of the last. If it is too long to be kept, it has a window of what was read last, and those who
 * read together share it.
 */
export class Listing implements Links {
  readonly directory: string;
  readonly queriedAtMs: number;
  readonly promotion = new Promotion();
  /** For others, to read. */
  readonly entries = new PackedEntries();
  /** When its TTL began: at its end. */
  freshSinceMs = -Infinity;
  /** It is not kept. */
  isLong = false;
  state: 'coming' | 'complete' | 'failed' | 'dropped' = 'coming';
  error: unknown;
  /** It failed, and an older one is served. */
  instead: Listing | undefined;
  bytes = 0;
  older?: Links | undefined;
  newer?: Links | undefined;
  readonly #options: ListingOptions;
  readonly #readers = new Set<Reading>();
  readonly #grown = new Waiters<void>();
  readonly #turns: Turns;
  /** Of the page that comes. */
  #pageQueriedAtMs: number;
  /** The page before it, which is added while the source is requested for this one. */
  #added: Promise<void> = Promise.resolve();
  #isCounted = false;
  /** Its last entry has come. */
  #isEnded = false;
  #windowBytes: number;
  /** Lets the source go on. */
  #resume: (() => void) | undefined;
  /** Files that a directory of the same name may still follow, in a source that sorts by bytes: `a`, `a-1`, `a/`. */
  #openFiles: string[] = [];

  constructor(options: ListingOptions) {
    this.#options = options;
    this.directory = options.directory;
    this.queriedAtMs = this.#pageQueriedAtMs = options.now();
    this.#turns = new Turns(options.signal);
    this.#windowBytes = Math.max(MIN_WINDOW_BYTES, options.budget.limitBytes * WINDOW_SHARE);
    options.signal.addEventListener('abort', () => this.resume(), { once: true });
  }

  /** Whether it has what is at this place, or will have it. */
  reaches(place: number): boolean {
    return (this.state === 'coming' || this.state === 'complete') && place >= this.entries.start;
  }

  /** There is nothing at the place, for certain. */
  isOver(place: number): boolean {
    return this.#isEnded && place >= this.entries.count;
  }

  find(segment: string): PlacedEntry | undefined {
    const place = this.entries.placeOf(canonicalSegment(segment));
    const entry = this.entries.at(place);
    return entry && { entry, queriedAtMs: this.entries.queriedAtMs(place) ?? this.queriedAtMs };
  }

  hasSegment(segment: string): boolean {
    return this.entries.placeOf(canonicalSegment(segment)) !== -1;
  }

  join(reader: Reading): void {
    this.#readers.add(reader);
  }

  leave(reader: Reading): void {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size === 0) this.#options.onUnread(this);
    else this.resume();
  }

  get isRead(): boolean {
    return this.#readers.size > 0;
  }

  /** A reader has gone on. */
  resume(): void {
    if (this.#isCounted) this.#options.budget.touch(this);
    this.#resume?.();
  }

  /** More has come, or it has ended, in whichever way. */
  async whenGrown(signal: AbortSignal | undefined): Promise<void> {
    await this.#grown.wait(signal);
  }

  /** A page. Resolves when the next is needed, which may be before all of this one was added. */
  async add(page: readonly UrlEntry[]): Promise<void> {
    await this.#added;
    const queriedAtMs = this.#pageQueriedAtMs;
    if (this.#isNeededBehind(this.entries.count + page.length)) {
      // The request for it is sent first.
      this.#added = nextTurn(uidOf(this.#options.signal)).then(() => this.#addAll(page, queriedAtMs));
      this.#added.catch(() => undefined);
    } else {
      await this.#addAll(page, queriedAtMs);
      await this.#whenNeeded();
    }
    this.#pageQueriedAtMs = this.#options.now();
  }

  /** What no other page comes behind. */
  async addLast(page: readonly UrlEntry[]): Promise<void> {
    await this.#added;
    await this.#addAll(page, this.#pageQueriedAtMs);
  }

  async #addAll(page: readonly UrlEntry[], queriedAtMs: number): Promise<void> {
    let left = STEP_ENTRIES;
    for (const entry of page) {
      const wait = this.#turns.spend(entry.name.length, 1);
      if (wait !== undefined) await wait;
      if (this.state !== 'coming') return;
      if (!this.#isListed(entry)) this.entries.add(entry, queriedAtMs);
      left -= 1;
      if (left > 0) continue;
      left = STEP_ENTRIES;
      this.#grow();
      if (this.isLong) await this.#whenNeeded();
    }
    this.#keepOpenFiles(page);
    this.#grow();
  }

  complete(): void {
    if (this.state !== 'coming') return;
    this.state = 'complete';
    this.#isEnded = true;
    this.freshSinceMs = this.#options.now();
    this.entries.trim();
    this.#charge();
    this.#grown.resolve();
  }

  /** Resolves when all pages so far were added, or cannot be. */
  async whenAdded(): Promise<void> {
    await Promise.allSettled([this.#added]);
  }

  fail(error: unknown, instead: Listing | undefined): void {
    if (this.state !== 'coming') return;
    this.state = 'failed';
    this.error = error;
    this.instead = instead;
    this.#grown.resolve();
  }

  /** Nothing of it is kept: who reads it lists the directory again. */
  drop(): void {
    if (this.#isCounted) this.#options.budget.remove(this);
    this.#isCounted = false;
    this.entries.clear();
    if (this.state !== 'failed') this.state = 'dropped';
    this.#grown.resolve();
    this.#options.onDropped(this);
  }

  /** Of the budget: other entries need the room. */
  evict(): void {
    this.#options.budget.remove(this);
    this.#isCounted = false;
    const isNeeded =
      (this.state === 'coming' || this.state === 'complete') &&
      [...this.#readers].some(({ isActive }) => isActive);
    if (!isNeeded) {
      this.drop();
      return;
    }
    this.isLong = true;
    this.#windowBytes = MIN_WINDOW_BYTES;
    const { bytes } = this;
    this.#shrink();
    if (this.#bytes < bytes) this.#charge();
    // What is left is being read.
    else setTimeout(() => this.#recharge(), ACTIVE_MS).unref();
  }

  #recharge(): void {
    if (!this.#isCounted && this.entries.start < this.entries.count) this.#charge();
  }

  /** It was shown as a file already, by an entry that may not be here any more. */
  #isListed({ name, isDir }: UrlEntry): boolean {
    return this.isLong && isDir && this.#openFiles.includes(name) && !this.hasSegment(name);
  }

  #keepOpenFiles(page: readonly UrlEntry[]): void {
    const last = page.findLast(({ isDir }) => !isDir)?.name ?? page.at(-1)?.name;
    if (last === undefined) return;
    const files = this.#openFiles.filter((name) => last.startsWith(name));
    for (const { name, isDir } of page) if (!isDir && last.startsWith(name)) files.push(name);
    this.#openFiles = files;
  }

  #grow(): void {
    if (this.entries.bytes > this.#options.budget.limitBytes * KEPT_SHARE) this.isLong = true;
    this.#shrink();
    this.#charge();
    this.#grown.resolve();
  }

  #shrink(): void {
    if (this.isLong) this.entries.drop(this.#windowBytes, this.#slowest());
  }

  get #bytes(): number {
    return LISTING_BYTES + stringBytes(this.directory) + this.entries.bytes;
  }

  #charge(): void {
    const { budget } = this.#options;
    if (this.#isCounted) budget.remove(this);
    this.bytes = this.#bytes;
    this.#isCounted = true;
    budget.add(this);
  }

  /** The place of the last reader that keeps up. */
  #slowest(): number {
    let slowest = Infinity;
    for (const { place, isActive } of this.#readers) {
      if (isActive && place >= this.entries.start) slowest = Math.min(slowest, place);
    }
    return slowest;
  }

  /** Whether more is needed than so many entries. */
  #isNeededBehind(count: number): boolean {
    let furthest = 0;
    for (const { neededPlace } of this.#readers) furthest = Math.max(furthest, neededPlace);
    if (count - furthest >= AHEAD_ENTRIES) return false;
    this.#shrink();
    return (
      !this.isLong || this.entries.bytes <= this.#windowBytes || this.#slowest() >= count - AHEAD_ENTRIES
    );
  }

  async #whenNeeded(): Promise<void> {
    while (
      this.state === 'coming' &&
      !this.#options.signal.aborted &&
      !this.#isNeededBehind(this.entries.count)
    ) {
      const { promise, resolve } = withResolvers<void>();
      this.#resume = resolve;
      const timer = setTimeout(resolve, ACTIVE_MS).unref();
      await promise;
      clearTimeout(timer);
    }
    this.#resume = undefined;
  }
}
