import type { Logger } from 'pino';

import type { Awaitable } from '../awaitable.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { CompleteClient } from '../source/index.js';
import type { DiskCache } from './disk/disk-cache.js';
import { ListingCache } from './listing-cache.js';
import { BlockPool } from './blocks/block-pool.js';
import { MemoryShares } from './blocks/memory-shares.js';
import type { AllocateMemory } from './blocks/slots.js';
import { type FileMetadata, isWhole, metadataFromListed, statOf } from './file-metadata.js';
import { type CacheOptions, DEFAULT_CACHE_OPTIONS } from './cache-options.js';
import type { CacheParts } from './cache-parts.js';
import type { CacheReport } from './cache-report.js';
import { DiskWarming } from './disk-warming.js';
import type { Evicted } from './evicted.js';
import { Freshness, type FreshnessLimits } from './freshness.js';
import { MetadataQueries } from './metadata-queries.js';
import type {
  FileStat,
  KnownStat,
  OpenListing,
  OpenResource,
  ReadPlace,
  ResourceCache,
  ResourceStat,
  SavedVersion,
  Waiter,
} from './resource-cache.js';
import type { Peers } from './download/peer-source.js';
import { ResourceTable } from './resource-table.js';
import type { UrlSet } from './url-set.js';
import { VersionStorage } from './version-storage.js';
import { VersionOpener } from './version-opener.js';
import { VersionsInUse } from './versions-in-use.js';

export interface CachedResourcesContext {
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** Default: nothing comes by a cluster of Dragonfly. */
  readonly peers?: Peers;
  readonly log: Logger;
  /** Where blocks are kept from one run to the next. */
  readonly disk?: DiskCache;
  /** Of the memory for blocks. */
  readonly allocate?: AllocateMemory;
  readonly now?: () => number;
  /** For the metadata of names. */
  readonly budget: MetadataBudget;
}

/** How long `stat` waits for a body of unknown length to end. */
const SHORT_BODY_WAIT_MS = 1_000;

/** The resource cache over sources: what is known of resources, listings and blocks. */
export class CachedResources implements ResourceCache {
  readonly #parts: CacheParts;
  readonly #opener: VersionOpener;
  readonly #listeners: ((url: string) => void)[] = [];
  /** Brings content to disk that is not read. */
  readonly warming: DiskWarming;

  constructor(given: Partial<CacheOptions>, context: CachedResourcesContext) {
    const options = { ...DEFAULT_CACHE_OPTIONS, ...given };
    const { memoryBytes, blockBytes, probeBytes } = options;
    const { allocate, budget, clientFor, disk, log, now = Date.now, peers } = context;
    const pool = new BlockPool(memoryBytes, blockBytes, allocate);
    const storage = new VersionStorage(disk, pool);
    const [shares, inUse] = [new MemoryShares(), new VersionsInUse()];
    const versions = { pool, budget, shares, storage, inUse, clientFor, peers, probeBytes, log };
    const freshness = new Freshness(options, now);
    const table = new ResourceTable(versions, freshness, (url) => this.#reportChange(url));
    const listings = new ListingCache({
      freshness,
      budget,
      clientFor,
      onStale: (error) => pool.activity.noteStale(error),
      log,
    });
    const queries = new MetadataQueries(versions, freshness, listings);
    this.#parts = { options, freshness, table, queries, listings, versions };
    this.#opener = new VersionOpener(this.#parts);
    this.warming = new DiskWarming(this.#parts);
  }

  onChanged(listener: (url: string) => void): void {
    this.#listeners.push(listener);
  }

  #reportChange(url: string): void {
    for (const listener of this.#listeners) listener(url);
  }

  peek(url: string, directory?: string): KnownStat | undefined {
    const known = this.#peek(url, directory);
    // Entries of a listing are not looked up one by one.
    if (known !== undefined && directory === undefined)
      this.#parts.versions.pool.activity.lookups[known.stat === 'missing' ? 'missing' : 'fresh'] += 1;
    return known;
  }

  ttlLeftMs(url: string): number {
    return this.#peek(url)?.ttlMs ?? 0;
  }

  #peek(url: string, directory?: string): KnownStat | undefined {
    const listed = this.#parts.listings.peekEntry(url, directory);
    const resource = this.#parts.table.get(url);
    if (listed !== undefined) resource?.compare(listed.entry, listed.queriedAtMs);
    const fresh = resource?.fresh;
    if (resource !== undefined && fresh !== undefined) {
      const stat = fresh === 'missing' ? fresh : statOf(fresh);
      return { stat, isListed: listed !== undefined, ttlMs: resource.ttlLeftMs };
    }
    if (listed === undefined) return undefined;
    const file = metadataFromListed(listed.entry);
    const stat = file === undefined ? listed.entry.stat : statOf(file);
    return { stat, isListed: true, ttlMs: listed.ttlMs };
  }

  lastKind(url: string): 'file' | 'page' | 'directory' | undefined {
    const listed = this.#parts.listings.lastKind(url);
    // A page that an index lists has nothing below it.
    return listed === 'file' ? listed : (this.#parts.table.get(url)?.lastKind ?? listed);
  }

  unlistedTtlMs(url: string): number {
    return this.#parts.listings.unlistedTtlMs(url);
  }

  wasListed(directory: string): boolean {
    return this.#parts.listings.wasListed(directory);
  }

  async stat(url: string, waiter?: Waiter): Promise<ResourceStat> {
    const known = this.#peek(url);
    if (typeof known?.stat === 'object' && isWhole(known.stat)) return known.stat;
    const metadata = await this.#parts.queries.get(this.#parts.table.of(url), waiter);
    if (metadata.kind === 'directory' || metadata.size !== undefined) return statOf(metadata);
    return await this.#statUnknownLength(url, metadata, waiter);
  }

  async openListing(url: string, signal?: AbortSignal, from?: ReadPlace): Promise<OpenListing> {
    return await this.#parts.listings.open(url, signal, from);
  }

  async prefetchListing(url: string, signal: AbortSignal): Promise<void> {
    await this.#parts.listings.prefetch(url, signal);
  }

  listingTtlMs(url: string): number {
    const listing = this.#parts.listings.peek(url);
    return listing === undefined || listing.entries.count === 0 ? 0 : this.#parts.listings.ttlLeftMs(listing);
  }

  open(url: string, waiter?: Waiter, known?: FileStat): Awaitable<OpenResource> {
    return this.#opener.open(url, waiter, known);
  }

  reopen(url: string, saved: SavedVersion): Promise<OpenResource> {
    return this.#opener.reopen(url, saved);
  }

  async cachedBytes(url: string): Promise<number> {
    const resource = this.#parts.table.get(url);
    const file = resource?.lastKnown;
    if (resource === undefined || typeof file !== 'object' || file.kind === 'directory') return 0;
    return Math.max(resource.cachedBytes, await this.#parts.versions.storage.storedBytes(url, file));
  }

  get report(): CacheReport {
    const { activity, cachedBytes, committedBytes, limitBytes } = this.#parts.versions.pool;
    return {
      activity,
      memory: { bytes: cachedBytes + committedBytes, committedBytes, limitBytes },
      metadata: {
        bytes: this.#parts.versions.budget.keptBytes,
        limitBytes: this.#parts.versions.budget.limitBytes,
      },
      disk: this.disk?.report,
    };
  }

  setFreshness(limits: FreshnessLimits): void {
    this.#parts.freshness.limits = limits;
  }

  /** The next use of these URLs queries their sources; their content stays. Returns how many files are concerned. */
  expire(urls: UrlSet): number {
    this.#parts.listings.forgetAll((directory) => urls.has(directory) || urls.hasEntryOf(directory));
    const files = this.#parts.table.expire((url) => urls.has(url));
    for (const { url } of files) this.#reportChange(url);
    return files.length;
  }

  /**
   * Removes the content of these URLs, from the page cache too; of what is pinned only with `isForced`. `disk` undefined: nothing
   * was removed from it.
   */
  async evict(
    urls: UrlSet,
    isForced = true,
  ): Promise<{ readonly memory: Evicted; readonly disk: Evicted | undefined }> {
    // What waits to be written would be stored after it.
    await this.#parts.versions.storage.behind.flush();
    const pins = this.disk;
    const disk = await pins?.evict(urls, isForced);
    const isMeant = (url: string): boolean => urls.has(url) && (isForced || pins?.pinOf(url) === undefined);
    const memory = this.#parts.table.dropBlocks(isMeant);
    for (const { url } of this.#parts.table.filesOf(isMeant)) this.#reportChange(url);
    return { memory, disk };
  }

  /** Undefined: there is none. */
  get disk(): DiskCache | undefined {
    return this.#parts.versions.storage.disk;
  }

  /** What is known of URLs that begin so is void: another client answers for them now. Open handles keep theirs. */
  forget(prefix: string): void {
    this.#parts.table.forget(prefix);
    this.#parts.listings.forget(prefix);
  }

  async close(): Promise<void> {
    const { inUse, storage } = this.#parts.versions;
    inUse.close();
    await storage.end();
  }

  /** A short body is read to learn its length; of a long one it stays unknown. */
  async #statUnknownLength(url: string, file: FileMetadata, waiter?: Waiter): Promise<ResourceStat> {
    if (file.isLong === true) return statOf(file);
    const resource = this.#parts.table.of(url);
    const version = resource.versionOf(file);
    const isLong = await version.downloader.isLong(SHORT_BODY_WAIT_MS, waiter?.signal);
    if (isLong && version.size === undefined) resource.learn(file.version, { isLong });
    return statOf({ ...file, size: version.size });
  }
}
