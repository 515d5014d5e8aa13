/**
 * The contract of the cache layer, as the mount uses it: what a URL is, what is in it, and its bytes.
 *
 * URLs are strings in their canonical form (`URL.href`), directories without their trailing slash.
 * Every call may carry a signal, or a waiter that has one; it ends the caller's wait at once and never disturbs other callers.
 * Failures are `SourceError`s, or the reason of the signal.
 */
import type { Awaitable } from '../awaitable.js';
import type { ContentDigest } from '../source/index.js';
import type { ReadRoute } from './cache-activity.js';
import type { OpenListing, ReadPlace } from './listing/open-listing.js';
import type { SavedVersion } from './saved-version.js';
import type { VersionIdentity } from './version-identity.js';
import type { Waiter } from './waiter.js';

export type { OpenListing, ReadPlace } from './listing/open-listing.js';
export type { SavedVersion } from './saved-version.js';
export type { Waiter } from './waiter.js';

/** What is known of a resource. */
export type ResourceStat = DirectoryStat | FileStat;

export interface DirectoryStat {
  readonly kind: 'directory';
  readonly lastModifiedMs: number | undefined;
  readonly permissions?: number | undefined;
}

export interface FileStat {
  readonly kind: 'file';
  /** Bytes; undefined while the source has not reported it. */
  readonly size: number | undefined;
  readonly lastModifiedMs: number | undefined;
  /** `lastModifiedMs` is cut to whole multiples of this. */
  readonly lastModifiedPrecisionMs: number;
  /** Undefined while only a listing without ETags has named the file. */
  readonly version: VersionIdentity | undefined;
  /** See `SavedVersion`. */
  readonly permissions?: number | undefined;
  /** An HTML page or an answer of an API: other resources may lie below its URL. */
  readonly isPage?: true;
}

export interface ListedEntry {
  /** The last path element, percent-encoded as in the URL. */
  readonly segment: string;
  /** Without the version of a file, which its ETag says. */
  readonly stat: ResourceStat | 'unknown-file';
  readonly etag?: string;
  readonly digest?: ContentDigest;
}

/** Takes bytes while they are there: the pieces are valid until it returns, or what it returns has resolved, and never to be written to. */
export type Sink<Result> = (pieces: readonly Uint8Array[]) => Awaitable<Result>;

export interface ReadOptions extends Waiter {
  /**
   * All of the file is going to be read, in order: what is missing may come by a cluster of Dragonfly from the first read on,
   * as a prefetch.
   */
  readonly readsAll?: boolean;
  /** Set by the read: the slowest route of its bytes. */
  route?: ReadRoute | undefined;
}

/** One version of a file, open. */
export interface OpenResource {
  readonly version: VersionIdentity;
  /** For `reopen`, in another process. */
  readonly saved: SavedVersion;
  /** Bytes, once known. */
  readonly size: number | undefined;
  /** A descriptor of a complete and verified local copy, open as long as this is; undefined: there is none. */
  readonly localFd: number | undefined;
  /** Waits until the size is known; may have to download all of it. */
  whenSizeKnown(signal?: AbortSignal): Promise<number>;
  /**
   * Hands the bytes `[offset, offset + length)`, cut at the end of the file, to `sink` in one go, as views of
   * cached blocks laid end to end; resolves to what it returns. Rejects with `ChangedError` when the bytes
   * are not cached and the source has another version by now.
   */
  read<Result>(offset: number, length: number, sink: Sink<Result>, options?: ReadOptions): Promise<Result>;
  /**
   * The first bytes, as far as they are in memory now: perhaps none. Valid in this step only, and never to be
   * written to.
   */
  head(): Uint8Array;
  close(): void;
}

export interface ResourceCache {
  /** From now on it is called with the URL of each resource that turned out to have another version, or to be gone. */
  onChanged(listener: (url: string) => void): void;
  /**
   * What is known and still trusted, without asking the source. `directory`: the URL of the directory that it
   * is in, from a caller that goes through one.
   */
  peek(url: string, directory?: string): KnownStat | undefined;
  /** Of what `peek` shows; 0 where it shows nothing. */
  ttlLeftMs(url: string): number;
  /**
   * What a resource was when the source last reported it, in a listing or by itself, however long ago; `page`: a
   * file with `FileStat.isPage`. Undefined: never reported, or evicted.
   */
  lastKind(url: string): 'file' | 'page' | 'directory' | undefined;
  /**
   * For how long the listing of its directory shows that a name is missing: the listing lacks it, and is not older than
   * a negative entry may be. 0: it does not show that.
   */
  unlistedTtlMs(url: string): number;
  /** Whether the source listed the directory, however long ago, and something was in it. */
  wasListed(directory: string): boolean;
  /** Queries the source if the cached metadata is not fresh. */
  stat(url: string, waiter?: Waiter): Promise<ResourceStat>;
  /**
   * Opens a directory, to be read from its start, or on from where another process has read it; resolves when its first entries
   * have come, or its end. `ListNotSupportedError` when the source cannot list.
   */
  openListing(url: string, signal?: AbortSignal, from?: ReadPlace): Promise<OpenListing>;
  /** Lists a directory that no caller reads, if that can be kept; others go first. */
  prefetchListing(url: string, signal: AbortSignal): Promise<void>;
  /** For how long the listing of a directory is trusted still; 0: there is none, or nothing is in it. */
  listingTtlMs(url: string): number;
  /**
   * Opens the current version, revalidated if the metadata is older than its TTL. `known`: the version to open, of a
   * source without validators, if it was never opened before.
   */
  open(url: string, waiter?: Waiter, known?: FileStat): Awaitable<OpenResource>;
  /**
   * Opens a version that another process has opened, without a query: reads show whether the source still has it. Rejects
   * with `ChangedError` for one that no validators identify.
   */
  reopen(url: string, saved: SavedVersion): Promise<OpenResource>;
  /** How many bytes of the current version are cached, in memory or on disk, whichever has more. */
  cachedBytes(url: string): Promise<number>;
  /** Ends everything that is in flight; resolves when what is kept for the next run is safe. */
  close(): Promise<void>;
}

export interface KnownStat {
  /** `missing`: a fresh negative entry. `unknown-file`: a listing names the file but not its exact size. */
  readonly stat: ResourceStat | 'missing' | 'unknown-file';
  /** Whether the parent's listing names it: then it is known not to be both file and directory. */
  readonly isListed: boolean;
  /** For how much longer it is trusted. */
  readonly ttlMs: number;
}
