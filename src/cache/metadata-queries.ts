import type { Awaitable } from '../awaitable.js';
import {
  type CompleteClient,
  type Metadata,
  NotFoundError,
  OfflineError,
  Request,
  SourceError,
} from '../source/index.js';
import type { CacheActivity } from './cache-activity.js';
import type { ConfirmedFacts } from './disk/disk-cache.js';
import {
  expireInfoOf,
  type FileMetadata,
  metadataFromFacts,
  metadataFromSource,
  type ResourceMetadata,
} from './file-metadata.js';
import { Flight } from './flight.js';
import { type Freshness, isDenial, leavesOpen } from './freshness.js';
import type { ListingCache } from './listing-cache.js';
import type { Resource } from './resource.js';
import type { Waiter } from './resource-cache.js';
import type { VersionContext } from './version.js';

type MetadataFlight = Flight<ResourceMetadata>;

/**
 * Queries of sources about their resources, one at a time for each. What is stale is revalidated by `isExpired`, but a file with
 * permissions is queried anew: they change without its version. While a source cannot be queried the last metadata is served (the
 * contract of `isExpired`), and the source is queried again after the negative TTL.
 */
export class MetadataQueries {
  readonly #context: VersionContext;
  readonly #freshness: Freshness;
  readonly #listings: Pick<ListingCache, 'permissionsOf'>;

  constructor(context: VersionContext, freshness: Freshness, listings: Pick<ListingCache, 'permissionsOf'>) {
    this.#context = context;
    this.#freshness = freshness;
    this.#listings = listings;
  }

  get #lookups(): CacheActivity['lookups'] {
    return this.#context.pool.activity.lookups;
  }

  /** The metadata, queried unless it is fresh. Rejects with `NotFoundError` for a missing resource. */
  get(resource: Resource, waiter?: Waiter): Awaitable<ResourceMetadata> {
    const { fresh } = resource;
    if (fresh === undefined) {
      const signal = waiter?.signal;
      if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
      return this.#flightFor(resource, signal).join(signal);
    }
    this.#lookups[fresh === 'missing' ? fresh : 'fresh'] += 1;
    if (fresh !== 'missing') return fresh;
    return Promise.reject(new NotFoundError(resource.url, { found: 'remembered as missing' }));
  }

  #flightFor(resource: Resource, signal: AbortSignal | undefined): MetadataFlight {
    if (resource.query?.isDetached === false) return resource.query;
    resource.hold();
    const flight: MetadataFlight = new Flight((flight) => this.#counted(resource, flight), signal);
    resource.query = flight;
    return flight;
  }

  /** Beside the callers, who must not resume later: the body of a probe that no reader has taken ends in a moment. */
  #counted(resource: Resource, flight: MetadataFlight): Promise<ResourceMetadata> {
    const end = (): void => {
      if (resource.query === flight) resource.query = undefined;
      resource.release();
    };
    const refreshed = this.#refresh(resource, flight);
    refreshed.then(end, (error: unknown) => {
      end();
      if (flight.signal?.aborted !== true) this.#lookups[isNotFound(error) ? 'missing' : 'failed'] += 1;
    });
    return refreshed;
  }

  async #refresh(resource: Resource, flight: MetadataFlight): Promise<ResourceMetadata> {
    const { clientFor, storage } = this.#context;
    const { url } = resource;
    if (resource.isEmpty) {
      const recalled = storage.newest(url);
      if (recalled !== undefined) this.#recall(resource, flight, await recalled);
    }
    const known = resource.lastKnown;
    if (known === undefined || known === 'missing') {
      return await this.#probe(resource, flight, await clientFor(url));
    }
    if (resource.fresh === known) {
      this.#lookups.fresh += 1;
      return known;
    }
    let isUsable = true;
    try {
      const client = await clientFor(url);
      if (known.kind === 'file' && known.permissions === undefined) {
        const verdict = await this.#revalidate(resource, flight, client, known);
        // It may have been replaced meanwhile (its size learned), or invalidated.
        const { lastKnown } = resource;
        if (verdict === 'same' && typeof lastKnown === 'object') return lastKnown;
        isUsable = verdict === 'unknown' && lastKnown !== undefined;
        // Also if the probe fails, and the source cannot be queried the next time.
        if (verdict === 'other' && !flight.isDetached) resource.invalidate();
      }
      return await this.#probe(resource, flight, client);
    } catch (error) {
      if (!isUsable) throw error;
      this.#serveStale(resource, flight, error);
      return known;
    }
  }

  /** What an earlier run left on disk. */
  #recall(resource: Resource, flight: MetadataFlight, stored: ConfirmedFacts | undefined): void {
    if (stored === undefined || flight.isDetached || !resource.isEmpty) return;
    // A clock that was set back must not make it trusted for ever.
    const confirmedAtMs = Math.min(stored.confirmedAtMs, this.#freshness.now());
    // Permissions are those of when it was stored, which may be long before it was confirmed.
    const freshSinceMs = stored.facts.permissions === undefined ? undefined : -Infinity;
    resource.set(metadataFromFacts(stored.facts), confirmedAtMs, freshSinceMs);
  }

  /** Whether the source still has the version. Some sources show that by a probe only. */
  async #revalidate(
    resource: Resource,
    flight: MetadataFlight,
    client: CompleteClient,
    known: FileMetadata,
  ): Promise<'same' | 'other' | 'unknown'> {
    try {
      const request = new Request(resource.url, requestOptions(flight));
      if (await client.isExpired(request, expireInfoOf(known.version))) return 'other';
    } catch (error) {
      flight.signal?.throwIfAborted();
      if (isDenial(error)) {
        if (!flight.isDetached) resource.deny();
        return 'other';
      }
      if (!leavesOpen(error)) return 'unknown';
      this.#serveStale(resource, flight, error);
      return 'same';
    }
    this.#lookups.revalidated += 1;
    if (flight.isDetached || resource.lastKnown === undefined) return 'same';
    resource.confirm();
    this.#context.storage.confirm(resource.url, known);
    return 'same';
  }

  /** The source could not be queried. Throws the error if it is definite, or the metadata is too old. */
  #serveStale(resource: Resource, flight: MetadataFlight, error: unknown): void {
    flight.signal?.throwIfAborted();
    const { log, pool } = this.#context;
    if (!this.#freshness.mayServeStale(resource.confirmedAtMs, error)) throw error;
    if (!(error instanceof OfflineError))
      log.warn({ err: error }, 'cannot revalidate; the last metadata is served');
    pool.activity.noteStale(error);
    this.#lookups.stale += 1;
    if (!flight.isDetached) resource.postpone();
  }

  async #probe(
    resource: Resource,
    flight: MetadataFlight,
    client: CompleteClient,
  ): Promise<ResourceMetadata> {
    const { url } = resource;
    const { probeBytes, storage } = this.#context;
    let found: Metadata;
    try {
      const range = { start: 0, end: probeBytes };
      const listedMode = this.#listings.permissionsOf(url);
      const listed = listedMode === undefined ? {} : { listedMode };
      found = await client.getMetadata(new Request(url, { ...requestOptions(flight), range, ...listed }));
    } catch (error) {
      if (flight.isDetached) throw error;
      if (isNotFound(error)) resource.set('missing', this.#freshness.now());
      else if (isDenial(error)) resource.deny();
      throw error;
    }
    const metadata = metadataFromSource(url, found);
    this.#lookups.queried += 1;
    if (flight.isDetached) {
      found.response?.cancel();
      return metadata;
    }
    resource.set(metadata, this.#freshness.now());
    if (metadata.kind === 'file') storage.confirm(url, metadata);
    this.#takeBody(resource, metadata, found);
    return metadata;
  }

  #takeBody(resource: Resource, file: ResourceMetadata, { response, supportRange }: Metadata): void {
    if (response === undefined) return;
    // A prefix of what is read by one download from its start is of no use.
    const isUsable =
      file.kind === 'file' && (response.contentLength === file.size || file.supportRange === supportRange);
    if (isUsable) resource.versionOf(file).fill(response);
    else response.cancel();
  }
}

function requestOptions({ signal }: MetadataFlight): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function isNotFound(error: unknown): boolean {
  return error instanceof SourceError && error.code === 'NOT_FOUND';
}
