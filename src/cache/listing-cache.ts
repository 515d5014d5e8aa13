import type { Logger } from 'pino';

import {
  canonicalSegment,
  type CompleteClient,
  Request,
  type RequestPriority,
  Turns,
  type UrlEntry,
  Promotion,
} from '../source/index.js';
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import { type FreshnessLimits, isDenial, leavesOpen, retriedSinceMs, ttlLeftMs } from './freshness.js';
import type { ListedEntry } from './resource-cache.js';
import { SingleFlight } from './single-flight.js';

export interface ListingCacheOptions {
  readonly limits: () => FreshnessLimits;
  readonly budget: MetadataBudget;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** The source could not confirm what is served. */
  readonly onStale?: (error: unknown) => void;
  readonly now: () => number;
  readonly log: Logger;
}

export interface Listing {
  readonly entries: readonly ListedEntry[];
  /** By the canonical form of the segment. */
  readonly bySegment: ReadonlyMap<string, ListedEntry>;
  /** When it was queried: what it shows of a resource may be so old. */
  readonly queriedAtMs: number;
  /** When its TTL began. */
  readonly freshSinceMs: number;
  /** What the entries' names, ETags and digests take. */
  readonly textBytes: number;
}

export interface FoundEntry {
  readonly entry: ListedEntry;
  readonly listing: Listing;
}

export type EntriesSink = (entries: readonly ListedEntry[], queriedAtMs: number) => Promise<void>;

/** So many entries are handed on at once. */
const PIECE_ENTRIES = 1000;

/** A listing itself; and of each entry its objects, its slots, and the name that the mount shows. */
const [LISTING_BYTES, ENTRY_BYTES] = [400, 310];

/** Directory listings, fresh for a TTL, one request at a time for each directory. */
export class ListingCache {
  readonly #options: ListingCacheOptions;
  readonly #listings: BoundedMap<Listing>;
  /** Had no room, or no longer: kept as long as a handle of the directory is open. */
  readonly #evicted = new Map<string, WeakRef<Listing>>();
  readonly #collected = new FinalizationRegistry<string>((directory) => {
    if (this.#evicted.get(directory)?.deref() === undefined) this.#evicted.delete(directory);
  });
  /** The entries of a listing keep all of it. */
  readonly #byEntries = new WeakMap<readonly ListedEntry[], Listing>();
  readonly #flights = new SingleFlight<Listing>();
  /** Of the requests that are in flight. */
  readonly #promotions = new Map<string, Promotion>();
  /** Changes whenever something is forgotten: the result of a request in flight is not kept then. */
  #epoch = 0;

  constructor(options: ListingCacheOptions) {
    this.#options = options;
    this.#listings = new BoundedMap({
      budget: options.budget,
      bytesOf: ({ entries, textBytes }) => LISTING_BYTES + entries.length * ENTRY_BYTES + textBytes,
      onEvicted: (directory, listing) => this.#evicted.set(directory, new WeakRef(listing)),
    });
  }

  /** The listing of a directory, if there is a fresh one. */
  peek(directory: string): Listing | undefined {
    const listing = this.#find(directory);
    return listing !== undefined && this.ttlLeftMs(listing) > 0 ? listing : undefined;
  }

  /** The entry of a URL in the fresh listing of its directory. */
  peekEntry(url: string, directory?: string): FoundEntry | undefined {
    const { parent, segment } =
      directory === undefined
        ? splitUrl(url)
        : { parent: directory, segment: url.slice(directory.length + 1) };
    const listing = parent === undefined ? undefined : this.peek(parent);
    const entry = listing?.bySegment.get(canonicalSegment(segment));
    return listing === undefined || entry === undefined ? undefined : { entry, listing };
  }

  /** The kind in the last listing of its directory, fresh or not. */
  lastKind(url: string): 'file' | 'directory' | undefined {
    const { parent, segment } = splitUrl(url);
    const listing = parent === undefined ? undefined : this.#find(parent);
    const stat = listing?.bySegment.get(canonicalSegment(segment))?.stat;
    return stat === undefined || stat === 'unknown-file' ? stat && 'file' : stat.kind;
  }

  /** See `ResourceCache`. */
  unlistedTtlMs(url: string): number {
    const { parent, segment } = splitUrl(url);
    const listing = parent === undefined ? undefined : this.peek(parent);
    if (listing === undefined || listing.bySegment.has(canonicalSegment(segment))) return 0;
    const { metadataTtlMs, negativeTtlMs } = this.#options.limits();
    const ttlMs = Math.min(metadataTtlMs, negativeTtlMs);
    return Math.max(0, ttlLeftMs(listing.queriedAtMs, ttlMs, this.#options.now()));
  }

  wasListed(directory: string): boolean {
    return (this.#find(directory)?.entries.length ?? 0) > 0;
  }

  /** Forgets all directories with the prefix. */
  forget(prefix: string): void {
    this.forgetAll((directory) => directory.startsWith(prefix));
  }

  forgetAll(isMeant: (directory: string) => boolean): void {
    for (const [directory] of this.#listings.entries()) {
      if (isMeant(directory)) this.#listings.delete(directory);
    }
    for (const directory of this.#evicted.keys()) {
      if (isMeant(directory)) this.#evicted.delete(directory);
    }
    this.#flights.forget(isMeant);
    this.#epoch += 1;
  }

  ttlLeftMs(listing: Listing): number {
    return ttlLeftMs(listing.freshSinceMs, this.#options.limits().metadataTtlMs, this.#options.now());
  }

  /** In the background it gives way to other requests, until a foreground caller joins. */
  async list(
    directory: string,
    signal?: AbortSignal,
    priority: RequestPriority = 'foreground',
  ): Promise<Listing> {
    const known = this.peek(directory);
    if (known !== undefined) return known;
    const result = this.#flights.run(directory, (shared) => this.#fetch(directory, priority, shared), signal);
    if (priority === 'foreground') this.#promotions.get(directory)?.promote();
    return await result;
  }

  /**
   * All entries as they come, of which none are kept: there may be very many. The next page is fetched when `onEntries` has
   * resolved.
   */
  async each(directory: string, onEntries: EntriesSink, signal: AbortSignal): Promise<void> {
    const inPieces = async <Entry>(
      entries: readonly Entry[],
      queriedAtMs: number,
      toListed: (entry: Entry) => ListedEntry,
    ): Promise<void> => {
      for (let at = 0; at < entries.length; at += PIECE_ENTRIES) {
        await onEntries(entries.slice(at, at + PIECE_ENTRIES).map(toListed), queriedAtMs);
      }
    };
    const known = this.peek(directory);
    if (known !== undefined) {
      await inPieces(known.entries, known.queriedAtMs, (entry) => entry);
      return;
    }
    const queriedAtMs = this.#options.now();
    const client = await this.#options.clientFor(directory);
    const add = (entries: readonly UrlEntry[]): Promise<void> => inPieces(entries, queriedAtMs, listedEntry);
    await add(await client.list(new Request(`${directory}/`, { signal, priority: 'background' }), add));
  }

  async #fetch(directory: string, priority: RequestPriority, signal: AbortSignal): Promise<Listing> {
    const promotion = new Promotion();
    this.#promotions.set(directory, promotion);
    try {
      return await this.#query(
        directory,
        new Request(`${directory}/`, { signal, priority, promotion }),
        signal,
      );
    } finally {
      if (this.#promotions.get(directory) === promotion) this.#promotions.delete(directory);
    }
  }

  async #query(directory: string, request: Request, signal: AbortSignal): Promise<Listing> {
    const epoch = this.#epoch;
    const queriedAtMs = this.#options.now();
    const bySegment = new Map<string, ListedEntry>();
    const turns = new Turns(signal);
    let textBytes = 0;
    const add = async (entries: readonly UrlEntry[]): Promise<void> => {
      for (const entry of entries) {
        const { name } = entry;
        const wait = turns.spend(name.length, 1);
        if (wait !== undefined) await wait;
        const segment = canonicalSegment(name);
        // Of a key and a prefix of one name only the prefix leads further.
        if (!entry.isDir && isDirectory(bySegment.get(segment))) continue;
        textBytes += name.length + validatorBytes(entry);
        bySegment.set(segment, listedEntry(entry));
      }
    };
    try {
      const client = await this.#options.clientFor(directory);
      await add(await client.list(request, add));
    } catch (error) {
      return this.#keepStale(directory, error, signal);
    }
    const freshSinceMs = this.#options.now();
    const listing = { entries: [...bySegment.values()], bySegment, queriedAtMs, freshSinceMs, textBytes };
    if (epoch === this.#epoch) this.#keep(directory, listing);
    return listing;
  }

  /** The source could not be queried. Throws the error if it is definite, or the listing is too old. */
  #keepStale(directory: string, error: unknown, signal: AbortSignal): Listing {
    signal.throwIfAborted();
    const { now, log } = this.#options;
    const { metadataTtlMs, negativeTtlMs, staleIfErrorMs } = this.#options.limits();
    const known = this.#find(directory);
    if (isDenial(error)) this.#delete(directory);
    if (known === undefined || !leavesOpen(error) || now() - known.queriedAtMs > staleIfErrorMs) throw error;
    log.warn({ err: error }, 'cannot list again; the last listing is served');
    this.#options.onStale?.(error);
    const listing = { ...known, freshSinceMs: retriedSinceMs(metadataTtlMs, negativeTtlMs, now()) };
    this.#keep(directory, listing);
    return listing;
  }

  #find(directory: string): Listing | undefined {
    return this.#listings.get(directory) ?? this.#evicted.get(directory)?.deref();
  }

  #keep(directory: string, listing: Listing): void {
    this.#byEntries.set(listing.entries, listing);
    this.#collected.register(listing, directory);
    this.#listings.set(directory, listing);
  }

  #delete(directory: string): void {
    this.#listings.delete(directory);
    this.#evicted.delete(directory);
  }
}

function isDirectory(entry: ListedEntry | undefined): boolean {
  return typeof entry?.stat === 'object' && entry.stat.kind === 'directory';
}

/** A digest without its text: an object, and a slot for it. */
const DIGEST_BYTES = 50;

function validatorBytes({ etag, digest }: UrlEntry): number {
  return (
    (etag === undefined ? 0 : stringBytes(etag)) +
    (digest === undefined ? 0 : DIGEST_BYTES + stringBytes(digest.hex))
  );
}

function listedEntry(entry: UrlEntry): ListedEntry {
  const { name: segment, isDir, size, lastModified, lastModifiedPrecisionMs = 1000, etag, digest } = entry;
  // A read answers no finer time.
  const lastModifiedMs = lastModified && lastModified - (lastModified % lastModifiedPrecisionMs);
  if (isDir) return { segment, stat: { kind: 'directory', lastModifiedMs } };
  if (size === undefined) return { segment, stat: 'unknown-file' };
  return {
    segment,
    stat: { kind: 'file', size, lastModifiedMs, lastModifiedPrecisionMs, version: undefined },
    ...(etag === undefined ? {} : { etag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** `http://h/a/b` is `b` in `http://h/a`; a host's root has no parent. */
export function splitUrl(url: string): { parent: string | undefined; segment: string } {
  const query = url.indexOf('?');
  const slash = url.lastIndexOf('/', query === -1 ? undefined : query);
  const parent = slash <= url.indexOf('://') + 2 ? undefined : url.slice(0, slash);
  return { parent, segment: url.slice(slash + 1) };
}
