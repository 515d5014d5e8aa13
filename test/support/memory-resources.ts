import type {
  KnownStat,
  OpenListing,
  OpenResource,
  ReadPlace,
  ResourceCache,
  ResourceStat,
  SavedVersion,
} from '../../src/cache/resource-cache.js';
import { ChangedError, NotFoundError } from '../../src/source/index.js';
import { memoryListing } from './memory-listing.js';

export interface MemoryFile {
  readonly bytes: Uint8Array;
  /** Where given, the file is so long: `bytes` over and over again, so that none of it leaves the caches. */
  readonly sizeBytes?: number;
  readonly etag?: string;
  /** A complete local copy. */
  readonly localFd?: number;
  /** See `FileStat`. */
  readonly permissions?: number;
}

const TTL_MS = 60_000;

/** The scheme `mem` is served, and nothing else. */
export const MEMORY_PLUGINS = {
  isServed: (scheme: string) => Promise.resolve(scheme === 'mem'),
  listClients: () => ['mem'],
  describe: () => undefined,
};

/** A cache layer that has everything: what is above it can be tested, and measured, alone. */
export class MemoryResources implements ResourceCache {
  /** By URL. */
  readonly files = new Map<string, MemoryFile>();
  /** Whether listings are known, so that names have types. */
  readonly isListed: boolean;
  reads = 0;
  /** How many of the first bytes are there when a file is opened. */
  headBytes = 0;

  readonly #listeners: ((url: string) => void)[] = [];

  constructor(isListed = true) {
    this.isListed = isListed;
  }

  onChanged(listener: (url: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Reports a change to the mount. */
  reportChange(url: string): void {
    for (const listener of this.#listeners) listener(url);
  }

  peek(url: string): KnownStat | undefined {
    if (!this.isListed || !this.files.has(url)) return undefined;
    return { stat: this.#stat(url), isListed: true, ttlMs: TTL_MS };
  }

  ttlLeftMs(url: string): number {
    return this.peek(url)?.ttlMs ?? 0;
  }

  lastKind(url: string): 'file' | undefined {
    return this.isListed && this.files.has(url) ? 'file' : undefined;
  }

  unlistedTtlMs(): number {
    return 0;
  }

  wasListed(directory: string): boolean {
    return this.isListed && [...this.files.keys()].some((url) => url.startsWith(`${directory}/`));
  }

  stat(url: string): Promise<ResourceStat> {
    return new Promise((resolve) => {
      resolve(this.#stat(url));
    });
  }

  openListing(url: string, _signal?: AbortSignal, from?: ReadPlace): Promise<OpenListing> {
    const prefix = `${url}/`;
    const files = [...this.files.keys()].filter((file) => file.startsWith(prefix));
    const entries = files.map((file) => ({ segment: file.slice(prefix.length), stat: this.#stat(file) }));
    return Promise.resolve(memoryListing(entries, from));
  }

  prefetchListing(): Promise<void> {
    return Promise.resolve();
  }

  listingTtlMs(): number {
    return this.isListed ? TTL_MS : 0;
  }

  open(url: string): Promise<OpenResource> {
    const stat = this.#stat(url);
    const file = this.files.get(url);
    if (stat.kind !== 'file' || stat.version === undefined || file === undefined)
      throw new NotFoundError(url);
    const { bytes, localFd } = file;
    const size = sizeOf(file);
    return Promise.resolve({
      version: stat.version,
      saved: { version: stat.version, size, lastModifiedMs: stat.lastModifiedMs, supportRange: true },
      size,
      localFd,
      whenSizeKnown: () => Promise.resolve(size),
      read: async (offset, length, sink) => {
        this.reads += 1;
        return await Promise.resolve(sink(views(bytes, offset, Math.min(offset + length, size))));
      },
      head: () => bytes.subarray(0, this.headBytes),
      close: () => undefined,
    });
  }

  async reopen(url: string, { version }: SavedVersion): Promise<OpenResource> {
    const opened = await this.open(url);
    if (opened.version.id !== version.id) throw new ChangedError(url, { expected: version.id });
    return opened;
  }

  cachedBytes(url: string): Promise<number> {
    return Promise.resolve(sizeOf(this.files.get(url)));
  }

  close(): Promise<void> {
    this.files.clear();
    return Promise.resolve();
  }

  #stat(url: string): ResourceStat {
    const file = this.files.get(url);
    if (file === undefined) throw new NotFoundError(url);
    return {
      kind: 'file',
      size: sizeOf(file),
      lastModifiedMs: 1_700_000_000_000,
      lastModifiedPrecisionMs: 1000,
      version: {
        id: file.etag ?? 'without a tag',
        validators: file.etag === undefined ? {} : { etag: file.etag },
        verifiable: true,
      },
      permissions: file.permissions,
    };
  }
}

function sizeOf(file: MemoryFile | undefined): number {
  return file?.sizeBytes ?? file?.bytes.byteLength ?? 0;
}

function views(bytes: Uint8Array, offset: number, end: number): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = offset; at < end;) {
    const from = at % bytes.byteLength;
    const view = bytes.subarray(from, from + end - at);
    found.push(view);
    at += view.byteLength;
  }
  return found;
}
