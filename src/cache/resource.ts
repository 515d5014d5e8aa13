import { stringBytes } from '../memory/bounded-map.js';
import type { Links } from '../memory/metadata-budget.js';
import { contradicts } from './contradicts.js';
import {
  type FileMetadata,
  isSameFile,
  metadataBytes,
  metadataFromListed,
  type ResourceMetadata,
} from './file-metadata.js';
import type { Flight } from './flight.js';
import { type FreshnessLimits, retriedSinceMs, ttlLeftMs } from './freshness.js';
import type { ListedEntry } from './resource-cache.js';
import type { VersionIdentity } from './version-identity.js';

/** The table that has it. */
export interface ResourceContext {
  readonly limits: () => FreshnessLimits;
  readonly now: () => number;
  /** It was a file, and has another version now, or is none any more. */
  readonly onChanged: (resource: Resource, old: FileMetadata) => void;
  resize(resource: Resource, bytes: number): void;
  hold(resource: Resource): void;
  release(resource: Resource): void;
  remove(resource: Resource): void;
}

/** The object with its times, and its slot in the table. */
const RESOURCE_BYTES = 170;

/** One URL, and what its source returned of it. */
export class Resource implements Links {
  readonly url: string;
  /** In flight: a probe or a revalidation. */
  query: Flight<ResourceMetadata> | undefined;
  bytes: number;
  older: Links | undefined;
  newer: Links | undefined;
  readonly #context: ResourceContext;
  /** Undefined: not queried yet. */
  #metadata: ResourceMetadata | 'missing' | undefined;
  #confirmedAtMs = -Infinity;
  /** When its TTL began, if that is not when it was confirmed: the source could not be queried since, or must be now. */
  #freshSinceMs: number | undefined;
  #isInvalid = false;
  #uses = 0;

  constructor(url: string, context: ResourceContext) {
    this.url = url;
    this.bytes = RESOURCE_BYTES + stringBytes(url);
    this.#context = context;
  }

  /** The last metadata, fresh or not, unless it was found wrong. */
  get lastKnown(): ResourceMetadata | 'missing' | undefined {
    return this.#isInvalid ? undefined : this.#metadata;
  }

  /** Nothing is known of it. */
  get isEmpty(): boolean {
    return this.#metadata === undefined;
  }

  /** What it was when the source last reported it, however long ago that is. */
  get lastKind(): 'file' | 'page' | 'directory' | undefined {
    const metadata = this.#metadata;
    if (metadata === undefined || metadata === 'missing') return undefined;
    return metadata.kind === 'file' && metadata.isPage === true ? 'page' : metadata.kind;
  }

  /** The last metadata of a file, found wrong or not. */
  get file(): FileMetadata | undefined {
    return typeof this.#metadata === 'object' && this.#metadata.kind === 'file' ? this.#metadata : undefined;
  }

  get fresh(): ResourceMetadata | 'missing' | undefined {
    return this.ttlLeftMs > 0 ? this.#metadata : undefined;
  }

  /** Positive: it is fresh. */
  get ttlLeftMs(): number {
    if (this.#metadata === undefined) return 0;
    const { limits, now } = this.#context;
    const { metadataTtlMs, negativeTtlMs } = limits();
    return ttlLeftMs(this.#checkedAtMs, this.#metadata === 'missing' ? negativeTtlMs : metadataTtlMs, now());
  }

  /** When the source last returned it. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  get #checkedAtMs(): number {
    return this.#freshSinceMs ?? this.#confirmedAtMs;
  }

  /** What the source has, by a query. */
  set(metadata: ResourceMetadata | 'missing', confirmedAtMs: number): void {
    const { file } = this;
    this.#metadata = metadata;
    this.#confirmedAtMs = confirmedAtMs;
    this.#freshSinceMs = undefined;
    this.#isInvalid = false;
    this.#resize();
    if (file !== undefined && !isSameFile(metadata, file.version)) this.#context.onChanged(this, file);
  }

  /** The source has just returned that its metadata still holds. That of one that was invalidated does not. */
  confirm(): void {
    if (this.#isInvalid) return;
    this.#confirmedAtMs = this.#context.now();
    this.#freshSinceMs = undefined;
  }

  /** Its source cannot be queried: it is, again, after the negative TTL. */
  postpone(): void {
    if (this.#isInvalid) return;
    const { limits, now } = this.#context;
    const { metadataTtlMs, negativeTtlMs } = limits();
    this.#freshSinceMs = retriedSinceMs(metadataTtlMs, negativeTtlMs, now());
  }

  /** The next use queries the source, by a conditional request. */
  expire(): void {
    this.query?.detach();
    this.#freshSinceMs = -Infinity;
  }

  /** The metadata turned out to be wrong, which a conditional request might not show: the next use probes. */
  invalidate(): void {
    if (this.#metadata === undefined) return;
    this.#freshSinceMs = -Infinity;
    this.#isInvalid = true;
  }

  /** Access is denied now: the metadata is not served again while the source cannot be queried. */
  deny(): void {
    this.invalidate();
    if (this.file !== undefined) this.#context.onChanged(this, this.file);
  }

  /**
   * Takes what a listing says of a file for its metadata, unless the source has answered for it since, or its metadata
   * turned out to be wrong. Of the same version more may be known.
   */
  adopt(listed: FileMetadata, listedAtMs: number): FileMetadata | undefined {
    if (this.#isInvalid || this.#confirmedAtMs >= listedAtMs) return undefined;
    const adopted = isSameFile(this.#metadata, listed.version) ? this.#metadata : listed;
    this.set(adopted, listedAtMs);
    return adopted;
  }

  /** Metadata that is older than a listing, and contradicts it, does not hold any more. */
  compare(entry: ListedEntry, listedAtMs: number): void {
    const { fresh } = this;
    if (fresh === undefined || this.#checkedAtMs >= listedAtMs || !contradicts(entry, fresh)) return;
    const listed = metadataFromListed(entry);
    if (listed === undefined || this.adopt(listed, listedAtMs) === undefined) this.invalidate();
  }

  /** Something came to light while the body of a version was read. */
  learn(version: VersionIdentity, fact: { readonly size: number } | { readonly isLong: true }): void {
    if (!isSameFile(this.#metadata, version)) return;
    this.#metadata = { ...this.#metadata, ...fact };
  }

  /** Whether the metadata is of another version by now. */
  isSuperseded(version: VersionIdentity): boolean {
    return this.#metadata !== undefined && !isSameFile(this.lastKnown, version);
  }

  /** It stays in the table until it is released. */
  hold(): void {
    this.#uses += 1;
    if (this.#uses === 1) this.#context.hold(this);
  }

  release(): void {
    this.#uses -= 1;
    if (this.#uses > 0) return;
    if (this.isEmpty) this.#context.remove(this);
    else this.#context.release(this);
  }

  /** By the budget. */
  evict(): void {
    this.#context.remove(this);
  }

  #resize(): void {
    const bytes = RESOURCE_BYTES + stringBytes(this.url) + metadataBytes(this.#metadata);
    if (bytes !== this.bytes) this.#context.resize(this, bytes);
  }
}
