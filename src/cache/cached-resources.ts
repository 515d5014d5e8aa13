import type { Logger } from 'pino';

import type { MetadataBudget } from '../memory/metadata-budget.js';
import {
  ChangedError,
  type CompleteClient,
  IsDirectoryError,
  orAborted,
  SourceError,
} from '../source/index.js';
import type { DiskCache } from './disk/disk-cache.js';
import { ListingCache } from './listing-cache.js';
import { BlockPool } from './blocks/block-pool.js';
import type { AllocateMemory } from './blocks/slots.js';
import { type FileMetadata, isSameFile, metadataFromListed, type ResourceMetadata } from './file-metadata.js';
import type { CacheReport } from './cache-report.js';
import { DiskWarming } from './disk-warming.js';
import type { Evicted } from './evicted.js';
import type { FreshnessLimits } from './freshness.js';
import { MetadataQueries } from './metadata-queries.js';
import { OpenVersion } from './open-version.js';
import { DEFAULT_READAHEAD, Readahead, type ReadaheadOptions } from './readahead.js';
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
import type { Resource } from './resource.js';
import { ResourceTable } from './resource-table.js';
import { StoredVersions } from './stored-versions.js';
import type { UrlSet } from './url-set.js';
import { VersionReaders } from './version-readers.js';

export interface CacheOptions extends FreshnessLimits {
  /** For blocks, and bodies on their way, together. */
  readonly memoryBytes: number;
  /** The unit of caching, and the least that a random read fetches. */
  readonly blockBytes: number;
  /** The prefix that the first request for a file brings along; a multiple of `blockBytes`. */
  readonly probeBytes: number;
  readonly readahead: ReadaheadOptions;
}

export const DEFAULT_CACHE_OPTIONS: CacheOptions = {
  memoryBytes: 256 * 1024 * 1024,
  metadataTtlMs: 60_000,
  negativeTtlMs: 5_000,
  // Eight pages: a random reader of 4 KiB fetches little (with 64 KiB it reads a quarter less per second), and a
  // sequential one makes long runs of them, and is as fast.
  blockBytes: 32 * 1024,
  probeBytes: 64 * 1024,
  staleIfErrorMs: 24 * 3_600_000,
  readahead: DEFAULT_READAHEAD,
};

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
  /** A resource turned out to have another version, or to be gone. */
  readonly onChanged?: (url: string) => void;
}

/** How long `stat` waits for a body of unknown length to end. */
const SHORT_BODY_WAIT_MS = 1_000;

/** The resource cache over sources: what is known of resources, listings and blocks. */
export class CachedResources implements ResourceCache {
  readonly #options: CacheOptions;
  #limits: FreshnessLimits;
  readonly #table: ResourceTable;
  readonly #queries: MetadataQueries;
  readonly #listings: ListingCache;
  readonly #readers: VersionReaders;
  readonly #stored: StoredVersions;
  readonly #memory: BlockPool;
  readonly #budget: MetadataBudget;
  readonly #onChanged: (url: string) => void;
  /** Brings content to disk that is not read. */
  readonly warming: DiskWarming;

  constructor(options: Partial<CacheOptions>, context: CachedResourcesContext) {
    this.#options = { ...DEFAULT_CACHE_OPTIONS, ...options };
    this.#limits = this.#options;
    const { memoryBytes, blockBytes, probeBytes } = this.#options;
    const memory = new BlockPool(memoryBytes, blockBytes, context.allocate);
    const { budget, clientFor, log, now = Date.now, onChanged = () => undefined } = context;
    const { activity } = memory;
    const limits = (): FreshnessLimits => this.#limits;
    const onStale = (error: unknown): void => activity.noteStale(error);
    this.#memory = memory;
    this.#budget = budget;
    this.#onChanged = onChanged;
    const stored = new StoredVersions(context.disk, memory);
    this.#stored = stored;
    this.#table = new ResourceTable({
      limits,
      budget,
      now,
      onChanged: ({ url }, old) => {
        stored.drop(url, old);
        onChanged(url);
      },
    });
    this.#queries = new MetadataQueries({
      limits,
      probeBytes,
      clientFor,
      newest: (url) => stored.newest(url),
      onProbed: ({ url }, file, response) => this.#readers.takeProbe(url, file, response),
      onConfirmed: ({ url }, file) => stored.confirm(url, file),
      onStale,
      onLookup: (result) => (activity.lookups[result] += 1),
      now,
      log,
    });
    this.#listings = new ListingCache({ limits, budget, clientFor, onStale, now, log });
    this.#readers = new VersionReaders({
      memory,
      budget,
      stored,
      probeBytes,
      clientFor,
      peers: context.peers,
      onSize: (url, version, size) => this.#table.get(url)?.learn(version, { size }),
      onChanged: (url, file) => this.#noteChanged(url, file),
      onCorrupt: (url, file, error) => {
        const { expected, found } = error;
        log.warn({ url: error.url, expected, found }, `${error.message}; what was read is dropped`);
        this.#noteChanged(url, file);
      },
      mustProbe: (url, version) => {
        const resource = this.#table.get(url);
        if (resource?.isSuperseded(version) === false) resource.invalidate();
      },
    });
    this.warming = new DiskWarming({
      table: this.#table,
      queries: this.#queries,
      listings: this.#listings,
      readers: this.#readers,
      stored,
      memory,
    });
  }

  peek(url: string, directory?: string): KnownStat | undefined {
    const known = this.#peek(url, directory);
    // Entries of a listing are not looked up one by one.
    if (known !== undefined && directory === undefined)
      this.#memory.activity.lookups[known.stat === 'missing' ? 'missing' : 'fresh'] += 1;
    return known;
  }

  ttlLeftMs(url: string): number {
    return this.#peek(url)?.ttlMs ?? 0;
  }

  #peek(url: string, directory?: string): KnownStat | undefined {
    const listed = this.#listings.peekEntry(url, directory);
    const resource = this.#table.get(url);
    if (listed !== undefined) resource?.compare(listed.entry, listed.queriedAtMs);
    const fresh = resource?.fresh;
    if (resource !== undefined && fresh !== undefined) {
      const stat = fresh === 'missing' ? fresh : toStat(fresh);
      return { stat, isListed: listed !== undefined, ttlMs: resource.ttlLeftMs };
    }
    if (listed === undefined) return undefined;
    const file = metadataFromListed(listed.entry);
    const stat = file === undefined ? listed.entry.stat : toStat(file);
    return { stat, isListed: true, ttlMs: listed.ttlMs };
  }

  lastKind(url: string): 'file' | 'page' | 'directory' | undefined {
    const listed = this.#listings.lastKind(url);
    // A page that an index lists has nothing below it.
    return listed === 'file' ? listed : (this.#table.get(url)?.lastKind ?? listed);
  }

  unlistedTtlMs(url: string): number {
    return this.#listings.unlistedTtlMs(url);
  }

  wasListed(directory: string): boolean {
    return this.#listings.wasListed(directory);
  }

  async stat(url: string, waiter?: Waiter): Promise<ResourceStat> {
    const known = this.#peek(url);
    if (typeof known?.stat === 'object' && !isUnknownLength(known.stat)) return known.stat;
    const resource = this.#table.of(url);
    const metadata = await this.#queries.get(resource, waiter);
    if (metadata.kind === 'directory' || metadata.size !== undefined) return toStat(metadata);
    return await this.#statUnknownLength(resource, metadata, waiter?.signal);
  }

  async openListing(url: string, signal?: AbortSignal, from?: ReadPlace): Promise<OpenListing> {
    return await this.#listings.open(url, signal, from);
  }

  async prefetchListing(url: string, signal: AbortSignal): Promise<void> {
    await this.#listings.prefetch(url, signal);
  }

  listingTtlMs(url: string): number {
    const listing = this.#listings.peek(url);
    return listing === undefined || listing.count === 0 ? 0 : this.#listings.ttlLeftMs(listing);
  }

  async open(url: string, waiter?: Waiter, known?: FileStat): Promise<OpenResource> {
    const resource = this.#table.of(url);
    const kept = metadataOf(resource, known);
    const listed = kept === undefined ? this.#adoptListed(resource) : undefined;
    const opened = listed && (await this.#openListed(url, listed, waiter));
    if (opened !== undefined) return opened;
    return await this.#openVersion(url, kept ?? (await this.#queries.get(resource, waiter)), waiter);
  }

  async reopen(url: string, saved: SavedVersion): Promise<OpenResource> {
    // Nothing shows whether what the source has now are the same bytes.
    if (!saved.version.verifiable) throw new ChangedError(url, { expected: saved.version.id });
    return await this.#openVersion(url, { ...saved, kind: 'file' });
  }

  async #openVersion(url: string, metadata: ResourceMetadata, waiter?: Waiter): Promise<OpenResource> {
    if (metadata.kind === 'directory') throw new IsDirectoryError(url);
    const reader = this.#readers.of(url, metadata);
    reader.retain(waiter?.uid);
    try {
      const opening = this.#stored.whenOpen(reader);
      if (opening !== undefined) await orAborted(opening, waiter?.signal, url);
      return new OpenVersion(reader, new Readahead(this.#options.readahead));
    } catch (error) {
      reader.release();
      throw error;
    }
  }

  /**
   * A small file that only a listing knows is fetched at once, as by a probe: its open then has its content, and its
   * refusal. Undefined: it has changed since.
   */
  async #openListed(url: string, metadata: FileMetadata, waiter?: Waiter): Promise<OpenResource | undefined> {
    const resource = await this.#openVersion(url, metadata, waiter);
    const { size = 0 } = metadata;
    const isHere = resource.localFd !== undefined || resource.head().byteLength > 0;
    if (isHere || size === 0 || size > this.#options.blockBytes) return resource;
    try {
      await resource.read(0, size, () => undefined, { signal: waiter?.signal });
      return resource;
    } catch (error) {
      resource.close();
      if (error instanceof SourceError && error.code === 'CHANGED') return undefined;
      throw error;
    }
  }

  async cachedBytes(url: string): Promise<number> {
    const metadata = this.#table.get(url)?.lastKnown;
    if (metadata === undefined || metadata === 'missing' || metadata.kind === 'directory') return 0;
    const inMemory = this.#readers.cachedBytes(url, metadata.version);
    return Math.max(inMemory, await this.#stored.storedBytes(url, metadata));
  }

  get report(): CacheReport {
    const { activity, cachedBytes, committedBytes, limitBytes } = this.#memory;
    return {
      activity,
      memory: { bytes: cachedBytes + committedBytes, committedBytes, limitBytes },
      metadata: { bytes: this.#budget.keptBytes, limitBytes: this.#budget.limitBytes },
      disk: this.#stored.report,
    };
  }

  setFreshness(limits: FreshnessLimits): void {
    this.#limits = limits;
  }

  /** The next use of these URLs queries their sources; their content stays. Returns how many files are concerned. */
  expire(urls: UrlSet): number {
    this.#listings.forgetAll((directory) => urls.has(directory) || urls.hasEntryOf(directory));
    const files = this.#table.expire((url) => urls.has(url));
    for (const { url } of files) this.#onChanged(url);
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
    await this.#stored.flush();
    const pins = this.disk;
    const disk = await pins?.evict(urls, isForced);
    const isMeant = (url: string): boolean => urls.has(url) && (isForced || pins?.pinOf(url) === undefined);
    const memory = this.#readers.evict(isMeant);
    for (const { url } of this.#table.filesOf(isMeant)) this.#onChanged(url);
    return { memory, disk };
  }

  /** Undefined: there is none. */
  get disk(): DiskCache | undefined {
    return this.#stored.disk;
  }

  /** What is known of URLs that begin so is void: another client answers for them now. Open handles keep theirs. */
  forget(prefix: string): void {
    this.#table.forget(prefix);
    this.#listings.forget(prefix);
    this.#readers.detach(prefix);
  }

  async close(): Promise<void> {
    this.#readers.close();
    await this.#stored.closeAll();
  }

  /** What a fresh listing says of the file, where that saves a request. */
  #adoptListed(resource: Resource): FileMetadata | undefined {
    const listed = this.#listings.peekEntry(resource.url);
    const file = listed && metadataFromListed(listed.entry);
    return file && resource.adopt(file, listed.queriedAtMs);
  }

  #noteChanged(url: string, old: FileMetadata): void {
    // What is on disk would be taken for the current version again.
    this.#stored.drop(url, old);
    const resource = this.#table.get(url);
    // Others may have noticed before: then the metadata kept by now is newer.
    if (resource?.isSuperseded(old.version) === true) return;
    resource?.invalidate();
    this.#onChanged(url);
  }

  /** A short body is read to learn its length; of a long one it stays unknown. */
  async #statUnknownLength(
    resource: Resource,
    file: FileMetadata,
    signal?: AbortSignal,
  ): Promise<ResourceStat> {
    if (file.isLong === true) return toStat(file);
    const reader = this.#readers.of(resource.url, file);
    const isLong = await reader.isLong(SHORT_BODY_WAIT_MS, signal);
    if (isLong && reader.size === undefined) resource.learn(file.version, { isLong });
    return toStat({ ...file, size: reader.size });
  }
}

/** The metadata of a version that no query could confirm. */
function metadataOf({ lastKnown }: Resource, known: FileStat | undefined): FileMetadata | undefined {
  if (known?.version === undefined || known.version.verifiable) return undefined;
  const { version, size, lastModifiedMs } = known;
  // Its size may have been learned since.
  if (isSameFile(lastKnown, version)) return lastKnown;
  return { kind: 'file', version, size, lastModifiedMs, supportRange: false };
}

function toStat(metadata: ResourceMetadata): ResourceStat {
  if (metadata.kind === 'directory') return metadata;
  const { size, lastModifiedMs, version, isPage } = metadata;
  const page = isPage === true ? { isPage } : {};
  return { kind: 'file', size, lastModifiedMs, lastModifiedPrecisionMs: 1000, version, ...page };
}

function isUnknownLength(stat: ResourceStat): boolean {
  return stat.kind === 'file' && stat.size === undefined;
}
