import type { Logger } from 'pino';

import { type CompleteClient, IsDirectoryError, Request, type Response } from '../source/index.js';
import { ListingCache } from './listing-cache.js';
import { MemoryBlockCache } from './memory-block-cache.js';
import { MemoryBudget } from './memory-budget.js';
import { type FileMetadata, MetadataCache, type ResourceMetadata } from './metadata-cache.js';
import { DEFAULT_READAHEAD, Readahead, type ReadaheadOptions } from './readahead.js';
import type { KnownStat, ListedEntry, OpenResource, ResourceCache, ResourceStat } from './resource-cache.js';
import { type Reader, VersionReader } from './version-reader.js';

export interface CacheOptions {
  /** For blocks, and bodies on their way, together. */
  readonly memoryBytes: number;
  readonly metadataTtlMs: number;
  readonly negativeTtlMs: number;
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
  // Sixteen pages: a random reader of 4 KiB fetches little, a sequential one makes long runs of them.
  blockBytes: 64 * 1024,
  probeBytes: 64 * 1024,
  readahead: DEFAULT_READAHEAD,
};

export interface CachedResourcesContext {
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly log: Logger;
  readonly now?: () => number;
}

/** How long `stat` waits for a body of unknown length to end. */
const SHORT_BODY_WAIT_MS = 1_000;
/** Bodies of probes that wait for an open: the oldest is given up when there are more. */
const MAX_PARKED = 16;

/** The resource cache over sources: metadata, listings and blocks, each in its own cache. */
export class CachedResources implements ResourceCache {
  readonly #options: CacheOptions;
  readonly #clientFor: (url: string) => Promise<CompleteClient>;
  readonly #budget: MemoryBudget;
  readonly #blocks: MemoryBlockCache;
  readonly #metadata: MetadataCache;
  readonly #listings: ListingCache;
  readonly #readers = new Map<string, VersionReader>();
  onChanged: (url: string) => void = () => undefined;

  constructor(options: Partial<CacheOptions>, context: CachedResourcesContext) {
    this.#options = { ...DEFAULT_CACHE_OPTIONS, ...options };
    this.#clientFor = context.clientFor;
    this.#budget = new MemoryBudget(this.#options.memoryBytes);
    this.#blocks = new MemoryBlockCache(this.#budget, this.#options.blockBytes);
    const now = context.now ?? Date.now;
    this.#metadata = new MetadataCache({
      ttlMs: this.#options.metadataTtlMs,
      negativeTtlMs: this.#options.negativeTtlMs,
      probeBytes: this.#options.probeBytes,
      clientFor: context.clientFor,
      onProbed: (url, file, response) => this.#takeProbe(url, file, response),
      onChanged: (url) => this.onChanged(url),
      now,
      log: context.log,
    });
    this.#listings = new ListingCache({
      ttlMs: this.#options.metadataTtlMs,
      clientFor: context.clientFor,
      now,
    });
  }

  peek(url: string): KnownStat | undefined {
    const listed = this.#listings.peekEntry(url);
    const probed = this.#metadata.peek(url);
    if (probed !== undefined && listed !== undefined && probed.checkedAtMs < listed.listing.fetchedAtMs) {
      if (contradicts(listed.entry.stat, probed.metadata)) {
        this.#metadata.invalidate(url);
        return this.peek(url);
      }
    }
    if (probed !== undefined) {
      const stat = probed.metadata === 'missing' ? 'missing' : toStat(probed.metadata);
      return { stat, isListed: listed !== undefined, ttlMs: probed.ttlMs };
    }
    if (listed === undefined) return undefined;
    return { stat: listed.entry.stat, isListed: true, ttlMs: this.#listings.ttlLeftMs(listed.listing) };
  }

  async stat(url: string, signal?: AbortSignal): Promise<ResourceStat> {
    const known = this.peek(url);
    if (typeof known?.stat === 'object' && !isUnknownLength(known.stat)) return known.stat;
    const metadata = await this.#metadata.get(url, signal);
    if (metadata.kind === 'directory' || metadata.size !== undefined) return toStat(metadata);
    return await this.#statUnknownLength(url, metadata);
  }

  async list(url: string, signal?: AbortSignal): Promise<readonly ListedEntry[]> {
    return (await this.#listings.list(url, signal)).entries;
  }

  async open(url: string, signal?: AbortSignal): Promise<OpenResource> {
    const metadata = await this.#metadata.get(url, signal);
    if (metadata.kind === 'directory') throw new IsDirectoryError(url);
    return openReader(this.#readerOf(url, metadata), new Readahead(this.#options.readahead));
  }

  cachedBytes(url: string): number {
    const metadata = this.#metadata.peek(url)?.metadata;
    if (metadata === undefined || metadata === 'missing' || metadata.kind === 'directory') return 0;
    return this.#blocks.cachedBytes({ resource: url, version: metadata.version.id });
  }

  /** What is known of URLs that begin so is void: another client answers for them now. Open handles keep theirs. */
  forget(prefix: string): void {
    this.#metadata.forget(prefix);
    this.#listings.forget(prefix);
    for (const [key, reader] of this.#readers) {
      if (key.startsWith(prefix) && reader.isParked) reader.close();
    }
  }

  close(): void {
    for (const reader of this.#readers.values()) reader.close();
  }

  /** A short body is read to learn its length; of a long one it stays unknown. */
  async #statUnknownLength(url: string, file: FileMetadata): Promise<ResourceStat> {
    if (file.isLong === true) return toStat(file);
    const reader = this.#readerOf(url, file);
    await reader.whenShortBodyRead(SHORT_BODY_WAIT_MS);
    if (reader.size === undefined) this.#metadata.learn(url, file.version, { isLong: true });
    return toStat({ ...file, size: reader.size });
  }

  #takeProbe(url: string, file: FileMetadata, response: Response): void {
    this.#readerOf(url, file).fill(response);
    const parked = [...this.#readers.values()].filter((reader) => reader.isParked);
    for (const reader of parked.slice(0, -MAX_PARKED)) reader.close();
  }

  #readerOf(url: string, file: FileMetadata): VersionReader {
    const key = `${url}\0${file.version.id}`;
    const known = this.#readers.get(key);
    if (known !== undefined) return known;
    // Taken once: a handle reads its version from the client that it was opened with.
    let client: CompleteClient | undefined;
    const reader = new VersionReader(url, file, {
      cache: this.#blocks,
      budget: this.#budget,
      probeBytes: this.#options.probeBytes,
      download: async (range, signal) => {
        client ??= await this.#clientFor(url);
        const pin = file.version.validators;
        return await client.download(
          new Request(url, { pin, signal, ...(range === undefined ? {} : { range }) }),
        );
      },
      onSize: (size) => this.#metadata.learn(url, file.version, { size }),
      onChanged: () => {
        this.#metadata.invalidate(url);
        this.onChanged(url);
      },
      onIdle: () => {
        if (this.#readers.get(key) === reader) this.#forget(key, reader);
      },
    });
    this.#readers.set(key, reader);
    return reader;
  }

  #forget(key: string, reader: VersionReader): void {
    this.#readers.delete(key);
    if (reader.file.version.verifiable) return;
    // With the reader goes what its blocks were compared by. Part of a resource without validators must
    // not be completed from another download: nothing could tell that it is the same version.
    if (this.#blocks.cachedBytes(reader.key) === reader.size) return;
    this.#blocks.drop(reader.key);
    this.#metadata.invalidate(reader.key.resource);
  }
}

function openReader(reader: VersionReader, readahead: Readahead): OpenResource {
  const me: Reader = { readahead };
  let isOpen = true;
  reader.retain();
  return {
    version: reader.file.version,
    localFd: undefined,
    get size() {
      return reader.size;
    },
    whenSizeKnown: (signal) => reader.whenSizeKnown(signal),
    read: (offset, length, signal) => reader.read(me, offset, length, signal),
    close: () => {
      if (isOpen) reader.release(me);
      isOpen = false;
    },
  };
}

function toStat(metadata: ResourceMetadata): ResourceStat {
  if (metadata.kind === 'directory') return metadata;
  const { size, lastModifiedMs, version } = metadata;
  return { kind: 'file', size, lastModifiedMs, lastModifiedPrecisionMs: 1000, version };
}

function isUnknownLength(stat: ResourceStat): boolean {
  return stat.kind === 'file' && stat.size === undefined;
}

/** Whether a listing that is newer than the metadata shows that the metadata no longer holds. */
function contradicts(listed: ListedEntry['stat'], metadata: ResourceMetadata | 'missing'): boolean {
  if (metadata === 'missing') return true;
  if (listed === 'unknown-file') return metadata.kind !== 'file';
  if (listed.kind !== metadata.kind) return true;
  if (listed.kind === 'directory' || metadata.kind === 'directory') return false;
  if (listed.size !== metadata.size && metadata.size !== undefined) return true;
  if (listed.lastModifiedMs === undefined || metadata.lastModifiedMs === undefined) return false;
  const precisionMs = listed.lastModifiedPrecisionMs;
  return (
    Math.floor(metadata.lastModifiedMs / precisionMs) !== Math.floor(listed.lastModifiedMs / precisionMs)
  );
}
