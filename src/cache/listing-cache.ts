import type { Logger } from 'pino';

import {
  type CompleteClient,
  InterruptedError,
  OfflineError,
  Request,
  type RequestPriority,
  uidOf,
  type UrlEntry,
  withUid,
} from '../source/index.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import { type Freshness, isDenial } from './freshness.js';
import { listedEntry } from './listing/entry-record.js';
import { Listing } from './listing/listing.js';
import { ListingReader } from './listing/listing-reader.js';
import type { ReadPlace } from './listing/open-listing.js';
import type { ListedEntry } from './resource-cache.js';

export interface ListingCacheOptions {
  readonly freshness: Freshness;
  readonly budget: MetadataBudget;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** The source could not confirm what is served. */
  readonly onStale?: (error: unknown) => void;
  readonly log: Logger;
}

export interface FoundEntry {
  readonly entry: ListedEntry;
  /** When the source was queried for it: what it shows may be so old. */
  readonly queriedAtMs: number;
  readonly ttlMs: number;
}

export type EntriesSink = (entries: readonly ListedEntry[], queriedAtMs: number) => Promise<void>;

/** So many entries are handed on at once. */
const PIECE_ENTRIES = 1000;

/** The listings of a directory. */
interface Directory {
  /** The last one that was complete, fresh or not. */
  kept: Listing | undefined;
  /** Those that come, or are read and not kept; the newest is the last. */
  read: readonly Listing[];
}

/** Directory listings, fresh for a TTL; those who read a directory together share its requests. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  readonly #directories = new Map<string, Directory>();

  constructor(options: ListingCacheOptions) {
    this.#options = options;
  }

  /** The listing of a directory, if there is a fresh one. */
  peek(directory: string): Listing | undefined {
    const listing = this.#directories.get(directory)?.kept;
    return listing !== undefined && this.ttlLeftMs(listing) > 0 ? listing : undefined;
  }

  /** The entry of a URL in the fresh listing of its directory, or in one that is being read. */
  peekEntry(url: string, directory?: string): FoundEntry | undefined {
    const { parent, segment } =
      directory === undefined
        ? splitUrl(url)
        : { parent: directory, segment: url.slice(directory.length + 1) };
    if (parent === undefined) return undefined;
    const listing = this.peek(parent);
    const found = listing?.find(segment);
    if (listing !== undefined && found !== undefined) {
      return { entry: found.entry, queriedAtMs: listing.queriedAtMs, ttlMs: this.ttlLeftMs(listing) };
    }
    for (const read of this.#directories.get(parent)?.read.toReversed() ?? []) {
      const recent = read.find(segment);
      const ttlMs = recent === undefined ? 0 : this.#options.freshness.ttlLeftMs(recent.queriedAtMs);
      if (recent !== undefined && ttlMs > 0) return { ...recent, ttlMs };
    }
    return undefined;
  }

  /** Those of `peekEntry`. */
  permissionsOf(url: string): number | undefined {
    const stat = this.peekEntry(url)?.entry.stat;
    return typeof stat === 'object' ? stat.permissions : undefined;
  }

  /** The kind in the last listing of its directory, fresh or not. */
  lastKind(url: string): 'file' | 'directory' | undefined {
    const { parent, segment } = splitUrl(url);
    const directory = parent === undefined ? undefined : this.#directories.get(parent);
    const listings = directory === undefined ? [] : [directory.kept, ...directory.read.toReversed()];
    for (const listing of listings) {
      const stat = listing?.find(segment)?.entry.stat;
      if (stat !== undefined) return stat === 'unknown-file' ? 'file' : stat.kind;
    }
    return undefined;
  }

  /** See `ResourceCache`. */
  unlistedTtlMs(url: string): number {
    const { parent, segment } = splitUrl(url);
    const listing = parent === undefined ? undefined : this.peek(parent);
    if (listing === undefined || listing.hasSegment(segment)) return 0;
    const { freshness } = this.#options;
    const ttlMs = Math.min(freshness.limits.metadataTtlMs, freshness.limits.negativeTtlMs);
    return Math.max(0, freshness.ttlLeftMs(listing.queriedAtMs, ttlMs));
  }

  wasListed(directory: string): boolean {
    const { kept, read = [] } = this.#directories.get(directory) ?? {};
    return (kept?.entries.count ?? 0) > 0 || read.some(({ entries }) => entries.count > 0);
  }

  /** Forgets all directories with the prefix. */
  forget(prefix: string): void {
    this.forgetAll((directory) => directory.startsWith(prefix));
  }

  /** What is being read is read on by those who have it open. */
  forgetAll(isMeant: (directory: string) => boolean): void {
    for (const [url, { kept }] of this.#directories) {
      if (!isMeant(url)) continue;
      this.#directories.delete(url);
      if (kept?.isRead === false) kept.drop();
    }
  }

  ttlLeftMs(listing: Listing): number {
    return this.#options.freshness.ttlLeftMs(listing.freshSinceMs);
  }

  /** To be read from its start, or on from where another process has read it; resolves when its first entries are there, or its end. */
  async open(directory: string, signal?: AbortSignal, from?: ReadPlace): Promise<ListingReader> {
    const reader = this.#readerOf(directory, 'foreground', uidOf(signal), from);
    try {
      if (from === undefined) await reader.whenAt(0, { signal });
      return reader;
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  /** Lists a directory that no one reads yet, if that can be kept. It gives way to other requests until a reader joins. */
  async prefetch(directory: string, signal: AbortSignal): Promise<void> {
    if (this.peek(directory) !== undefined) return;
    const reader = this.#readerOf(directory, 'background', uidOf(signal));
    try {
      await reader.whenComplete(signal);
    } finally {
      reader.close();
    }
  }

  /**
   * All entries as they come, of which none are kept: there may be very many. The next page is fetched when `onEntries` has
   * resolved.
   */
  async each(directory: string, onEntries: EntriesSink, signal: AbortSignal): Promise<void> {
    if (this.peek(directory) !== undefined) {
      await this.#eachKept(directory, onEntries, signal);
      return;
    }
    const queriedAtMs = this.#options.freshness.now();
    const client = await this.#options.clientFor(directory);
    const add = async (entries: readonly UrlEntry[]): Promise<void> => {
      for (let at = 0; at < entries.length; at += PIECE_ENTRIES) {
        await onEntries(entries.slice(at, at + PIECE_ENTRIES).map(listedEntry), queriedAtMs);
      }
    };
    await add(await client.list(new Request(`${directory}/`, { signal, priority: 'background' }), add));
  }

  async #eachKept(directory: string, onEntries: EntriesSink, signal: AbortSignal): Promise<void> {
    const reader = this.#readerOf(directory, 'background', uidOf(signal));
    try {
      for (let place = 0, isOver = false; !isOver;) {
        await reader.whenAt(place, { signal });
        const { queriedAtMs } = reader;
        const piece: ListedEntry[] = [];
        for (; piece.length < PIECE_ENTRIES; place += 1) {
          const entry = reader.entryAt(place);
          if (entry === undefined) break;
          piece.push(entry);
        }
        isOver = piece.length === 0;
        if (!isOver) await onEntries(piece, queriedAtMs);
      }
    } finally {
      reader.close();
    }
  }

  #readerOf(
    url: string,
    priority: RequestPriority,
    uid: number | undefined,
    from?: ReadPlace,
  ): ListingReader {
    const find = (place: number, isNew: boolean): Listing => {
      const directory = this.#directories.get(url) ?? { kept: undefined, read: [] };
      this.#directories.set(url, directory);
      const fresh = this.peek(url);
      const shared = directory.read.findLast((one) => one.reaches(place) && this.#mayShare(one));
      const known = fresh?.reaches(place) === true ? fresh : shared;
      if (known === undefined || isNew) return this.#start(url, directory, priority, uid);
      if (priority === 'foreground') known.promotion.promote();
      return known;
    };
    return new ListingReader(url, find, from);
  }

  #mayShare({ entries, queriedAtMs }: Listing): boolean {
    return entries.count === 0 || this.#options.freshness.ttlLeftMs(queriedAtMs) > 0;
  }

  #start(url: string, directory: Directory, priority: RequestPriority, uid: number | undefined): Listing {
    const { budget, freshness } = this.#options;
    const controller = new AbortController();
    const signal = withUid(controller.signal, uid);
    const remove = (listing: Listing): void => {
      directory.read = directory.read.filter((one) => one !== listing);
      if (directory.kept === listing) directory.kept = undefined;
      const isEmpty = directory.kept === undefined && directory.read.length === 0;
      if (isEmpty && this.#directories.get(url) === directory) this.#directories.delete(url);
    };
    const listing = new Listing({
      directory: url,
      budget,
      now: freshness.now,
      signal,
      onUnread: (unread) => {
        const isKept = unread === directory.kept && this.#directories.get(url) === directory;
        if (!isKept) unread.drop();
      },
      onDropped: (dropped) => {
        controller.abort(new InterruptedError(url));
        remove(dropped);
      },
    });
    directory.read = [...directory.read, listing];
    const request = new Request(`${url}/`, { signal, priority, promotion: listing.promotion });
    void this.#fill(listing, directory, request);
    return listing;
  }

  async #fill(listing: Listing, directory: Directory, request: Request): Promise<void> {
    const { directory: url } = listing;
    try {
      const client = await this.#options.clientFor(url);
      const add = (page: readonly UrlEntry[]): Promise<void> => listing.add(page);
      await listing.addLast(await client.list(request, add));
    } catch (error) {
      await listing.whenAdded();
      listing.fail(error, this.#staleInstead(directory, error));
      return;
    }
    const isKept = !listing.isLong && this.#directories.get(url) === directory;
    if (isKept) this.#keep(listing, directory);
    listing.complete();
  }

  #keep(listing: Listing, directory: Directory): void {
    const old = directory.kept;
    directory.kept = listing;
    directory.read = directory.read.filter((one) => one !== listing);
    // Who reads the last one does so to its end.
    if (old?.isRead === false) old.drop();
  }

  /** The source could not be queried. Undefined: the error is definite, or the last listing is too old. */
  #staleInstead(directory: Directory, error: unknown): Listing | undefined {
    const { freshness, log } = this.#options;
    const { kept } = directory;
    if (isDenial(error) && kept !== undefined) directory.kept = undefined;
    if (isDenial(error) && kept?.isRead === false) kept.drop();
    if (kept === undefined || !freshness.mayServeStale(kept.queriedAtMs, error)) return undefined;
    if (!(error instanceof OfflineError))
      log.warn({ err: error }, 'cannot list again; the last listing is served');
    this.#options.onStale?.(error);
    kept.freshSinceMs = freshness.retriedSinceMs();
    return kept;
  }
}

/** `http://h/a/b` is `b` in `http://h/a`; a host's root has no parent. */
export function splitUrl(url: string): { parent: string | undefined; segment: string } {
  const query = url.indexOf('?');
  const slash = url.lastIndexOf('/', query === -1 ? undefined : query);
  const parent = slash <= url.indexOf('://') + 2 ? undefined : url.slice(0, slash);
  return { parent, segment: url.slice(slash + 1) };
}
