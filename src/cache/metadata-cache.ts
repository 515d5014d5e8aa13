import type { Logger } from 'pino';

import {
  type CompleteClient,
  type ExpireInfo,
  type Metadata,
  NotFoundError,
  Request,
  type Response,
  SourceError,
  UNKNOWN_SOURCE_FILE_LEN,
} from '../source/index.js';
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';
import type { ConfirmedFacts } from './disk/disk-cache.js';
import { isDenial, leavesOpen, trustedAgainSinceMs, ttlLeftMs } from './in-force.js';
import { isPage } from './page.js';
import { SingleFlight } from './single-flight.js';
import { type Version, versionOf } from './version.js';

export interface MetadataCacheOptions {
  /** For how long metadata is trusted without asking. */
  readonly ttlMs: number;
  /** For how long a missing resource is. */
  readonly negativeTtlMs: number;
  readonly budget: MetadataBudget;
  /** The prefix that a probe asks for. */
  readonly probeBytes: number;
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  /** For how long known metadata stay in force while the source cannot be asked. */
  readonly staleIfErrorMs: number;
  /** What was known in an earlier run. */
  readonly newest: (url: string) => Promise<ConfirmedFacts | undefined>;
  /** Takes over the body that came with a file's probe. */
  readonly onProbed: (url: string, file: FileMetadata, response: Response) => void;
  /** The source told, just now, that this is its version. */
  readonly onConfirmed: (url: string, file: FileMetadata) => void;
  /** A resource that was a file has another version, or is none any more. */
  readonly onChanged: (url: string, old: FileMetadata) => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** What the source told of a file. */
export interface FileMetadata {
  readonly kind: 'file';
  readonly version: Version;
  readonly size: number | undefined;
  readonly lastModifiedMs: number | undefined;
  readonly supportRange: boolean;
  /** The length is unknown, and the body was seen to be too long to be read just to learn it. */
  readonly isLong?: true;
  /** See `Metadata`. */
  readonly usedOtherCredentials?: true;
  /** `isPage` of its content type. */
  readonly isPage?: true;
}

export type ResourceMetadata =
  | FileMetadata
  | { readonly kind: 'directory'; readonly lastModifiedMs: number | undefined };

interface Entry {
  readonly metadata: ResourceMetadata | 'missing';
  /** When the source last told so. */
  confirmedAtMs: number;
  /** From when on it is trusted for its TTL: later than that if the source could not be asked. */
  checkedAtMs: number;
  /** Something else has shown that it does not hold, which a conditional request might not tell. */
  readonly isRefuted?: true;
}

/**
 * What sources told of their resources. Trusted for a TTL; after it `isExpired` decides whether it still
 * holds. A source that cannot be asked leaves what is known in force (the contract of `isExpired`), and is
 * asked again after the negative TTL.
 */
export class MetadataCache {
  readonly #options: MetadataCacheOptions;
  readonly #entries: BoundedMap<Entry>;
  readonly #flights = new SingleFlight<ResourceMetadata>();
  /** Changes whenever something is forgotten: what was under way then is not kept. */
  #epoch = 0;

  constructor(options: MetadataCacheOptions) {
    this.#options = options;
    this.#entries = new BoundedMap({ budget: options.budget, bytesOf });
  }

  peek(
    url: string,
  ): { metadata: ResourceMetadata | 'missing'; ttlMs: number; checkedAtMs: number } | undefined {
    const entry = this.#entries.get(url);
    if (entry === undefined) return undefined;
    const ttlMs = this.#ttlLeftMs(entry);
    return ttlMs > 0 ? { metadata: entry.metadata, ttlMs, checkedAtMs: entry.checkedAtMs } : undefined;
  }

  /** What was known last, trusted still or not. */
  lastKnown(url: string): ResourceMetadata | 'missing' | undefined {
    const entry = this.#entries.get(url);
    return entry?.isRefuted === true ? undefined : entry?.metadata;
  }

  /** What it was when the source last reported it, however long ago that is. */
  lastKind(url: string): 'file' | 'page' | 'directory' | undefined {
    const metadata = this.#entries.get(url)?.metadata;
    if (metadata === undefined || metadata === 'missing') return undefined;
    return metadata.kind === 'file' && metadata.isPage === true ? 'page' : metadata.kind;
  }

  /** The metadata, asked for if need be. Rejects with `NotFoundError` for a missing resource. */
  async get(url: string, signal?: AbortSignal): Promise<ResourceMetadata> {
    const known = this.peek(url)?.metadata;
    if (known === 'missing') throw new NotFoundError(url, { found: 'remembered as missing' });
    return known ?? (await this.#flights.run(url, (shared) => this.#refresh(url, shared), signal));
  }

  /** Something came to light while the body was read. */
  learn(url: string, version: Version, fact: { readonly size: number } | { readonly isLong: true }): void {
    const entry = this.#entries.get(url);
    if (entry === undefined || entry.metadata === 'missing') return;
    if (entry.metadata.kind !== 'file' || entry.metadata.version.id !== version.id) return;
    this.#entries.set(url, { ...entry, metadata: { ...entry.metadata, ...fact } });
  }

  /** Whether something else is known by now than this version. */
  isSuperseded(url: string, version: Version): boolean {
    const entry = this.#entries.get(url);
    if (entry === undefined) return false;
    const { metadata, isRefuted } = entry;
    if (isRefuted === true || metadata === 'missing' || metadata.kind !== 'file') return true;
    return metadata.version.id !== version.id;
  }

  /** What is known turned out to be wrong: the next `get` probes. */
  refute(url: string): void {
    const entry = this.#entries.get(url);
    if (entry !== undefined) this.#entries.set(url, { ...entry, checkedAtMs: -Infinity, isRefuted: true });
  }

  /** Nothing is known any more of URLs that begin so. */
  forget(prefix: string): void {
    this.#flights.forget(prefix);
    this.#epoch += 1;
    const found = [...this.#entries.entries()].filter(([url]) => url.startsWith(prefix));
    for (const [url, { metadata }] of found) {
      this.#entries.delete(url);
      if (metadata !== 'missing' && metadata.kind === 'file') this.#options.onChanged(url, metadata);
    }
  }

  #ttlLeftMs(entry: Entry): number {
    const { ttlMs, negativeTtlMs, now } = this.#options;
    return ttlLeftMs(entry.checkedAtMs, entry.metadata === 'missing' ? negativeTtlMs : ttlMs, now());
  }

  async #refresh(url: string, signal: AbortSignal): Promise<ResourceMetadata> {
    const epoch = this.#epoch;
    const old = this.#entries.get(url) ?? (await this.#recall(url, epoch));
    const known = old?.isRefuted === true || old?.metadata === 'missing' ? undefined : old?.metadata;
    if (old === undefined || known === undefined) {
      return await this.#probe(url, await this.#options.clientFor(url), epoch, signal);
    }
    if (this.#ttlLeftMs(old) > 0) return known;
    let mayStand = true;
    try {
      const client = await this.#options.clientFor(url);
      if (known.kind === 'file') {
        const verdict = await this.#revalidate(url, client, old, known, signal);
        // The entry may have been replaced while the source was asked (its size learned), or refuted.
        const { metadata, isRefuted = false } = this.#entries.get(url) ?? old;
        if (verdict === 'same' && !isRefuted && metadata !== 'missing') return metadata;
        mayStand = verdict === 'untold' && !isRefuted;
        // Also if the probe fails, and the source cannot be asked the next time.
        if (verdict === 'other') this.refute(url);
      }
      return await this.#probe(url, client, epoch, signal);
    } catch (error) {
      if (!mayStand) throw error;
      this.#keepInForce(url, old, error, signal);
      return known;
    }
  }

  /** What an earlier run left on disk. */
  async #recall(url: string, epoch: number): Promise<Entry | undefined> {
    const known = await this.#options.newest(url);
    if (known === undefined || this.#entries.has(url) || epoch !== this.#epoch) return this.#entries.get(url);
    const { version, sizeBytes: size, lastModifiedMs, supportRange, isPage } = known.facts;
    const page = isPage === true ? { isPage } : {};
    const metadata: FileMetadata = { kind: 'file', version, size, lastModifiedMs, supportRange, ...page };
    // A clock that was set back must not make it trusted for ever.
    const atMs = Math.min(known.confirmedAtMs, this.#options.now());
    const entry = { metadata, confirmedAtMs: atMs, checkedAtMs: atMs };
    this.#entries.set(url, entry);
    return entry;
  }

  /** Whether the known version still stands, which a source may not be able to tell, but for a probe. */
  async #revalidate(
    url: string,
    client: CompleteClient,
    entry: Entry,
    known: FileMetadata,
    signal: AbortSignal,
  ): Promise<'same' | 'other' | 'untold'> {
    try {
      const request = new Request(url, { signal });
      if (await client.isExpired(request, expireInfoOfVersion(known.version))) return 'other';
    } catch (error) {
      signal.throwIfAborted();
      if (isDenial(error)) {
        this.#deny(url);
        return 'other';
      }
      if (!leavesOpen(error)) return 'untold';
      this.#keepInForce(url, entry, error, signal);
      return 'same';
    }
    const nowMs = this.#options.now();
    this.#note(url, entry, { confirmedAtMs: nowMs, checkedAtMs: nowMs });
    if (this.#entries.get(url)?.isRefuted !== true) this.#options.onConfirmed(url, known);
    return 'same';
  }

  /** The source could not be asked. Throws the error if it tells something, or what is known is too old. */
  #keepInForce(url: string, entry: Entry, error: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    const { now, ttlMs, negativeTtlMs, staleIfErrorMs, log } = this.#options;
    if (!leavesOpen(error) || now() - entry.confirmedAtMs > staleIfErrorMs) throw error;
    log.warn({ err: error }, 'cannot revalidate; what is known stays in force');
    this.#note(url, entry, { checkedAtMs: trustedAgainSinceMs(ttlMs, negativeTtlMs, now()) });
  }

  /** The entry may have been replaced while the source was asked. What was refuted meanwhile stays so. */
  #note(url: string, entry: Entry, times: Partial<Entry>): void {
    const current = this.#entries.get(url) ?? entry;
    if (current.isRefuted !== true) Object.assign(current, times);
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
    const known = fromSource(url, metadata);
    if (epoch !== this.#epoch) {
      metadata.response?.cancel();
      return known;
    }
    this.#store(url, known);
    if (metadata.response !== undefined) {
      // A prefix of what is read by one download from its start helps nobody.
      const isWhole = known.kind === 'file' && metadata.response.contentLength === known.size;
      const usable = known.kind === 'file' && (isWhole || known.supportRange === metadata.supportRange);
      if (usable) this.#options.onProbed(url, known, metadata.response);
      else metadata.response.cancel();
    }
    return known;
  }

  /** What was let in once is not any more: it is not served again because nobody can be asked. */
  #deny(url: string): void {
    const old = this.#entries.get(url)?.metadata;
    this.refute(url);
    if (old !== undefined && old !== 'missing' && old.kind === 'file') this.#options.onChanged(url, old);
  }

  #store(url: string, metadata: ResourceMetadata | 'missing'): void {
    const old = this.#entries.get(url)?.metadata;
    if (old !== undefined && old !== 'missing' && old.kind === 'file') {
      const isSame =
        metadata !== 'missing' && metadata.kind === 'file' && metadata.version.id === old.version.id;
      if (!isSame) this.#options.onChanged(url, old);
    }
    const nowMs = this.#options.now();
    this.#entries.set(url, { metadata, confirmedAtMs: nowMs, checkedAtMs: nowMs });
    if (metadata !== 'missing' && metadata.kind === 'file') this.#options.onConfirmed(url, metadata);
  }
}

/** An entry with its numbers, and what it refers to. */
const [ENTRY_BYTES, FILE_BYTES] = [80, 260];

function bytesOf({ metadata }: Entry): number {
  if (metadata === 'missing' || metadata.kind === 'directory') return ENTRY_BYTES;
  const { id, validators } = metadata.version;
  return ENTRY_BYTES + FILE_BYTES + stringBytes(id) + stringBytes(validators.etag);
}

function fromSource(url: string, metadata: Metadata): ResourceMetadata {
  const lastModifiedMs = metadata.lastModified < 0 ? undefined : metadata.lastModified;
  if (metadata.kind === 'directory') return { kind: 'directory', lastModifiedMs };
  const size = metadata.contentLength === UNKNOWN_SOURCE_FILE_LEN ? undefined : metadata.contentLength;
  const version = versionOf(metadata);
  // Blocks of a resource whose end is unknown cannot be asked for by range. Without a strong validator ranges could be
  // of different versions, and only what comes in one download belongs together.
  const supportRange = metadata.supportRange && size !== undefined && version.verifiable;
  const usedOther = metadata.usedOtherCredentials === true ? { usedOtherCredentials: true as const } : {};
  const page = isPage(url, metadata.contentType) ? { isPage: true as const } : {};
  return { kind: 'file', version, size, lastModifiedMs, supportRange, ...usedOther, ...page };
}

function expireInfoOfVersion({ validators }: Version): ExpireInfo {
  const { etag, lastModifiedMs } = validators;
  return {
    ...(etag === undefined ? {} : { etag }),
    ...(lastModifiedMs === undefined ? {} : { lastModified: new Date(lastModifiedMs).toUTCString() }),
  };
}
