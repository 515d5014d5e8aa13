/**
 * The contract of a source: Dragonfly's `source.ResourceClient` (pkg/source/source_client.go), async.
 *
 * A client may implement just the five methods. Two more are used where they exist: `getMetadata` saves
 * round trips, and `list` makes directories. All methods may throw or reject; a `SourceError` says why,
 * anything else counts as a fault of the client. Every request may carry a `signal`.
 */
import type { Metadata, UrlEntry } from './metadata.js';
import type { Request } from './request.js';
import type { ExpireInfo, Response } from './response.js';

export interface ResourceClient {
  /** The length of the content in bytes, or `UNKNOWN_SOURCE_FILE_LEN`. Rejects with `NotFoundError` when there is none. */
  getContentLength(request: Request): Promise<number>;

  /** Whether `download` honours `request.range` for this resource. */
  isSupportRange(request: Request): Promise<boolean>;

  /**
   * Whether the resource is no longer the one that `info` describes. A rejection means that it could not
   * be found out; the resource then counts as not expired, so that a failing source is not stormed.
   */
  isExpired(request: Request, info: ExpireInfo): Promise<boolean>;

  /**
   * The bytes of `request.range`, or from byte 0 if the client does not support ranges (`Response.offset`
   * says which). Throws `ChangedError` when `request.pin` is not the version that the source has.
   */
  download(request: Request): Promise<Response>;

  /** When the content last changed, in milliseconds since the epoch; `UNKNOWN_LAST_MODIFIED` when unknown. */
  getLastModified(request: Request): Promise<number>;

  /**
   * All of the above in one round trip. `request.range` is the prefix that the caller would like to have
   * with it; the response that brings it may be passed on as `Metadata.response`.
   */
  getMetadata?(request: Request): Promise<Metadata>;

  /**
   * The bytes of `request.range` of the pinned version, or all of them, by way of a cluster of Dragonfly; undefined: not now, and a
   * download is to bring them. The body may fail at any byte, which says nothing of the source. A `background` request is a
   * prefetch. For sources of this tree.
   */
  downloadShared?(request: Request): Promise<Response | undefined>;

  /**
   * The entries one level below `request.url`, in any order; where the source lists in pages, page by page. An empty list
   * for what is no directory.
   */
  list?(request: Request): Promise<readonly UrlEntry[]> | AsyncIterable<readonly UrlEntry[]>;
}

/** A client with the optional methods filled in, as the registry hands it out. */
export interface CompleteClient extends Required<Omit<ResourceClient, 'list' | 'downloadShared'>> {
  downloadShared?(request: Request): Promise<Response | undefined>;

  /** All entries. What was handed to `onPage`, page by page, is not among them: it need not be in memory at once. */
  list(request: Request, onPage?: PageSink): Promise<readonly UrlEntry[]>;
}

/** The next page is fetched when it has returned. */
export type PageSink = (entries: readonly UrlEntry[]) => Promise<void>;

/** Rewrites a request before the client sees it (`RequestAdapter`). */
export type RequestAdapter = (request: Request) => Request;

/** Runs around every request of a client (`Hook`). A rejection of either fails the request. */
export interface Hook {
  beforeRequest?(request: Request): void | Promise<void>;
  afterResponse?(response: Response): void | Promise<void>;
}
