import type { Logger } from 'pino';

import {
  type CompleteClient,
  type Metadata,
  NotFoundError,
  Request,
  type Response,
  SourceError,
} from '../source/index.js';
import { BoundedMap } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { LookupResult } from './cache-activity.js';
import type { ConfirmedFacts } from './disk/disk-cache.js';
import {
  expireInfoOf,
  type FileMetadata,
  metadataBytes,
  metadataFromFacts,
  metadataFromSource,
  type ResourceMetadata,
} from './file-metadata.js';
import { type FreshnessLimits, isDenial, leavesOpen, retriedSinceMs, ttlLeftMs } from './freshness.js';
import { SingleFlight } from './single-flight.js';
import type { Version } from './version.js';

export interface MetadataCacheOptions {
  readonly limits: () => FreshnessLimits;
  readonly budget: MetadataBudget;
  /** The prefix that a probe requests. */
  readonly probeBytes: number;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** The version that is stored from an earlier run. */
  readonly newest: (url: string) => Promise<ConfirmedFacts | undefined>;
  /** Takes over the body that came with a file's probe. */
  readonly onProbed: (url: string, file: FileMetadata, response: Response) => void;
  /** The source has just returned that this is its version. */
  readonly onConfirmed: (url: string, file: FileMetadata) => void;
  /** A resource that was a file has another version, or is none any more. */
  readonly onChanged: (url: string, old: FileMetadata) => void;
  /** The source could not confirm what is served. */
  readonly onStale?: (error: unknown) => void;
  /** Metadata was needed. */
  readonly onLookup?: (result: LookupResult) => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** An entry with its numbers. */
const ENTRY_BYTES = 80;

interface Entry {
  readonly metadata: ResourceMetadata | 'missing';
  /** When the source last returned it. */
  confirmedAtMs: number;
  /** When its TTL began: later than that if the source could not be queried. */
  checkedAtMs: number;
  /** It was found wrong otherwise, which a conditional request might not show. */
  readonly isInvalid?: true;
}

/**
 * What sources returned of their resources. Fresh for a TTL, after which `isExpired` revalidates it. While a source cannot
 * be queried the last metadata is served (the contract of `isExpired`), and the source is queried again after the
 * negative TTL.
 */
export class MetadataCache {
  readonly #options: MetadataCacheOptions;
  readonly #entries: BoundedMap<Entry>;
  readonly #flights = new SingleFlight<ResourceMetadata>();
  /** Changes whenever something is forgotten: the result of a request in flight is not kept then. */
  #epoch = 0;

  constructor(options: MetadataCacheOptions) {
    this.#options = options;
    this.#entries = new BoundedMap({
      budget: options.budget,
      bytesOf: ({ metadata }) => ENTRY_BYTES + (metadata === 'missing' ? 0 : metadataBytes(metadata)),
    });
  }

  peek(
    url: string,
  ): { metadata: ResourceMetadata | 'missing'; ttlMs: number; checkedAtMs: number } | undefined {
    const entry = this.#entries.get(url);
    if (entry === undefined) return undefined;
    const ttlMs = this.#ttlLeftMs(entry);
    return ttlMs > 0 ? { metadata: entry.metadata, ttlMs, checkedAtMs: entry.checkedAtMs } : undefined;
  }

  /** The last metadata, fresh or not. */
  lastKnown(url: string): ResourceMetadata | 'missing' | undefined {
    const entry = this.#entries.get(url);
    return entry?.isInvalid === true ? undefined : entry?.metadata;
  }

  /** What it was when the source last reported it, however long ago that is. */
  lastKind(url: string): 'file' | 'page' | 'directory' | undefined {
    const metadata = this.#entries.get(url)?.metadata;
    if (metadata === undefined || metadata === 'missing') return undefined;
    return metadata.kind === 'file' && metadata.isPage === true ? 'page' : metadata.kind;
  }

  /** The metadata, queried unless it is fresh. Rejects with `NotFoundError` for a missing resource. */
  async get(url: string, signal?: AbortSignal): Promise<ResourceMetadata> {
    const known = this.peek(url)?.metadata;
    if (known !== undefined) this.#options.onLookup?.(known === 'missing' ? known : 'fresh');
    if (known === 'missing') throw new NotFoundError(url, { found: 'remembered as missing' });
    return known ?? (await this.#flights.run(url, (shared) => this.#counted(url, shared), signal));
  }

  /**
   * Takes what a listing says of a file for its metadata, unless the source has answered for it since, or its metadata
   * turned out to be wrong. Of the same version more may be known.
   */
  adopt(url: string, file: FileMetadata, listedAtMs: number): FileMetadata | undefined {
    const old = this.#entries.get(url);
    if (old?.isInvalid === true || (old !== undefined && old.confirmedAtMs >= listedAtMs)) return undefined;
    const known = old?.metadata;
    const isSame = typeof known === 'object' && known.kind === 'file' && known.version.id === file.version.id;
    const adopted = isSame ? known : file;
    this.#replace(url, adopted, listedAtMs);
    return adopted;
  }

  /** Something came to light while the body was read. */
  learn(url: string, version: Version, fact: { readonly size: number } | { readonly isLong: true }): void {
    const entry = this.#entries.get(url);
    if (entry === undefined || entry.metadata === 'missing') return;
    if (entry.metadata.kind !== 'file' || entry.metadata.version.id !== version.id) return;
    this.#entries.set(url, { ...entry, metadata: { ...entry.metadata, ...fact } });
  }

  /** Whether the metadata is of another version by now. */
  isSuperseded(url: string, version: Version): boolean {
    const entry = this.#entries.get(url);
    if (entry === undefined) return false;
    const { metadata, isInvalid } = entry;
    if (isInvalid === true || metadata === 'missing' || metadata.kind !== 'file') return true;
    return metadata.version.id !== version.id;
  }

  /** The metadata turned out to be wrong: the next `get` probes. */
  invalidate(url: string): void {
    const entry = this.#entries.get(url);
    if (entry !== undefined) this.#entries.set(url, { ...entry, checkedAtMs: -Infinity, isInvalid: true });
  }

  /** Forgets all URLs with the prefix. */
  forget(prefix: string): void {
    this.#flights.forget((url) => url.startsWith(prefix));
    this.#epoch += 1;
    const found = [...this.#entries.entries()].filter(([url]) => url.startsWith(prefix));
    for (const [url, { metadata }] of found) {
      this.#entries.delete(url);
      if (metadata !== 'missing' && metadata.kind === 'file') this.#options.onChanged(url, metadata);
    }
  }

  /**
   * The next use of each of these URLs queries the source, of files by a conditional request. Returns the files among them, and
   * may forget the rest.
   */
  expire(isMeant: (url: string) => boolean): string[] {
    this.#flights.forget(isMeant);
    this.#epoch += 1;
    const files: string[] = [];
    for (const [url, entry] of this.#entries.entries()) {
      if (!isMeant(url)) continue;
      if (entry.metadata === 'missing' || entry.metadata.kind !== 'file') {
        this.#entries.delete(url);
        continue;
      }
      entry.checkedAtMs = -Infinity;
      files.push(url);
    }
    return files;
  }

  /** The files among these URLs that metadata is kept of. */
  filesOf(isMeant: (url: string) => boolean): string[] {
    const files: string[] = [];
    for (const [url, { metadata }] of this.#entries.entries()) {
      if (metadata !== 'missing' && metadata.kind === 'file' && isMeant(url)) files.push(url);
    }
    return files;
  }

  #ttlLeftMs(entry: Entry): number {
    const { limits, now } = this.#options;
    const { metadataTtlMs, negativeTtlMs } = limits();
    const ttlMs = entry.metadata === 'missing' ? negativeTtlMs : metadataTtlMs;
    return ttlLeftMs(entry.checkedAtMs, ttlMs, now());
  }

  /** Beside the caller, who must not resume later: the body of a probe that no reader has taken ends in a moment. */
  #counted(url: string, signal: AbortSignal): Promise<ResourceMetadata> {
    const refreshed = this.#refresh(url, signal);
    refreshed.catch((error: unknown) => {
      const isMissing = error instanceof SourceError && error.code === 'NOT_FOUND';
      if (!signal.aborted) this.#options.onLookup?.(isMissing ? 'missing' : 'failed');
    });
    return refreshed;
  }

  async #refresh(url: string, signal: AbortSignal): Promise<ResourceMetadata> {
    const epoch = this.#epoch;
    const old = this.#entries.get(url) ?? (await this.#recall(url, epoch));
    const known = old?.isInvalid === true || old?.metadata === 'missing' ? undefined : old?.metadata;
    if (old === undefined || known === undefined) {
      return await this.#probe(url, await this.#options.clientFor(url), epoch, signal);
    }
    if (this.#ttlLeftMs(old) > 0) {
      this.#options.onLookup?.('fresh');
      return known;
    }
    let isUsable = true;
    try {
      const client = await this.#options.clientFor(url);
      if (known.kind === 'file') {
        const verdict = await this.#revalidate(url, client, old, known, signal);
        // The entry may have been replaced meanwhile (its size learned), or invalidated.
        const { metadata, isInvalid = false } = this.#entries.get(url) ?? old;
        if (verdict === 'same' && !isInvalid && metadata !== 'missing') return metadata;
        isUsable = verdict === 'unknown' && !isInvalid;
        // Also if the probe fails, and the source cannot be queried the next time.
        if (verdict === 'other') this.invalidate(url);
      }
      return await this.#probe(url, client, epoch, signal);
    } catch (error) {
      if (!isUsable) throw error;
      this.#keepStale(url, old, error, signal);
      return known;
    }
  }

  /** What an earlier run left on disk. */
  async #recall(url: string, epoch: number): Promise<Entry | undefined> {
    const known = await this.#options.newest(url);
    if (known === undefined || this.#entries.has(url) || epoch !== this.#epoch) return this.#entries.get(url);
    const metadata = metadataFromFacts(known.facts);
    // A clock that was set back must not make it trusted for ever.
    const atMs = Math.min(known.confirmedAtMs, this.#options.now());
    const entry = { metadata, confirmedAtMs: atMs, checkedAtMs: atMs };
    this.#entries.set(url, entry);
    return entry;
  }

  /** Whether the source still has the version. Some sources show that by a probe only. */
  async #revalidate(
    url: string,
    client: CompleteClient,
    entry: Entry,
    known: FileMetadata,
    signal: AbortSignal,
  ): Promise<'same' | 'other' | 'unknown'> {
    try {
      const request = new Request(url, { signal });
      if (await client.isExpired(request, expireInfoOf(known.version))) return 'other';
    } catch (error) {
      signal.throwIfAborted();
      if (isDenial(error)) {
        this.#deny(url);
        return 'other';
      }
      if (!leavesOpen(error)) return 'unknown';
      this.#keepStale(url, entry, error, signal);
      return 'same';
    }
    const nowMs = this.#options.now();
    this.#options.onLookup?.('revalidated');
    this.#note(url, entry, { confirmedAtMs: nowMs, checkedAtMs: nowMs });
    if (this.#entries.get(url)?.isInvalid !== true) this.#options.onConfirmed(url, known);
    return 'same';
  }

  /** The source could not be queried. Throws the error if it is definite, or the metadata is too old. */
  #keepStale(url: string, entry: Entry, error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    const { now, log } = this.#options;
    const { metadataTtlMs, negativeTtlMs, staleIfErrorMs } = this.#options.limits();
    if (!leavesOpen(error) || now() - entry.confirmedAtMs > staleIfErrorMs) throw error;
    log.warn({ err: error }, 'cannot revalidate; the last metadata is served');
    this.#options.onStale?.(error);
    this.#options.onLookup?.('stale');
    this.#note(url, entry, { checkedAtMs: retriedSinceMs(metadataTtlMs, negativeTtlMs, now()) });
  }

  /** The entry may have been replaced meanwhile. One that was invalidated stays so. */
  #note(url: string, entry: Entry, times: Partial<Entry>): void {
    const current = this.#entries.get(url) ?? entry;
    if (current.isInvalid !== true) Object.assign(current, times);
  }

  async #probe(
    url: string,
    client: CompleteClient,
    epoch: number,
    signal: AbortSignal,
  ): Promise<ResourceMetadata> {
    const range = { start: 0, end: this.#options.probeBytes };
    let metadata: Metadata;
    try {
      metadata = await client.getMetadata(new Request(url, { range, signal }));
    } catch (error) {
      const isMissing = error instanceof SourceError && error.code === 'NOT_FOUND';
      if (isMissing && epoch === this.#epoch) this.#store(url, 'missing');
      if (isDenial(error)) this.#deny(url);
      throw error;
    }
    const known = metadataFromSource(url, metadata);
    this.#options.onLookup?.('queried');
    if (epoch !== this.#epoch) {
      metadata.response?.cancel();
      return known;
    }
    this.#store(url, known);
    if (metadata.response !== undefined) {
      // A prefix of what is read by one download from its start is of no use.
      const isWhole = known.kind === 'file' && metadata.response.contentLength === known.size;
      const usable = known.kind === 'file' && (isWhole || known.supportRange === metadata.supportRange);
      if (usable) this.#options.onProbed(url, known, metadata.response);
      else metadata.response.cancel();
    }
    return known;
  }

  /** Access is denied now: the metadata is not served again while the source cannot be queried. */
  #deny(url: string): void {
    const old = this.#entries.get(url)?.metadata;
    this.invalidate(url);
    if (old !== undefined && old !== 'missing' && old.kind === 'file') this.#options.onChanged(url, old);
  }

  #store(url: string, metadata: ResourceMetadata | 'missing'): void {
    this.#replace(url, metadata, this.#options.now());
    if (metadata !== 'missing' && metadata.kind === 'file') this.#options.onConfirmed(url, metadata);
  }

  #replace(url: string, metadata: ResourceMetadata | 'missing', confirmedAtMs: number): void {
    const old = this.#entries.get(url)?.metadata;
    if (old !== undefined && old !== 'missing' && old.kind === 'file') {
      const isSame =
        metadata !== 'missing' && metadata.kind === 'file' && metadata.version.id === old.version.id;
      if (!isSame) this.#options.onChanged(url, old);
    }
    this.#entries.set(url, { metadata, confirmedAtMs, checkedAtMs: confirmedAtMs });
  }
}
