import type { CorruptError } from '../source/index.js';
import { stringBytes } from '../memory/bounded-map.js';
import type { Links } from '../memory/metadata-budget.js';
import {
  contradicts,
  type FileMetadata,
  isSameFile,
  metadataBytes,
  metadataFromListed,
  type ResourceMetadata,
} from './file-metadata.js';
import type { Evicted } from './evicted.js';
import type { Flight } from './flight.js';
import type { Freshness } from './freshness.js';
import type { ListedEntry } from './resource-cache.js';
import type { LearnedFact } from './download/downloader.js';
import { Version, type VersionContext, type VersionOwner } from './version.js';
import type { VersionIdentity } from './version-identity.js';

/** The table that has it. */
export interface ResourceContext {
  readonly freshness: Freshness;
  readonly versions: VersionContext;
  /** It was a file, and has another version now, or is none any more. */
  readonly onChanged: (url: string) => void;
  remove(resource: Resource): void;
}

/** The object with its times, and its slot in the table. */
const RESOURCE_BYTES = 170;

const NO_VERSIONS: readonly Version[] = [];

/** One URL: what its source returned of it, and its versions. */
export class Resource implements Links, VersionOwner {
  readonly url: string;
  /** In flight: a probe or a revalidation. */
  query: Flight<ResourceMetadata> | undefined;
  /** It is in the table. */
  isKept = true;
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
  /** Those that are open, in flight, in memory or being stored. */
  #versions: readonly Version[] = NO_VERSIONS;

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
    const { freshness } = this.#context;
    if (this.#metadata === undefined) return 0;
    const { metadataTtlMs, negativeTtlMs } = freshness.limits;
    return freshness.ttlLeftMs(
      this.#checkedAtMs,
      this.#metadata === 'missing' ? negativeTtlMs : metadataTtlMs,
    );
  }

  /** When the source last returned it. */
  get confirmedAtMs(): number {
    return this.#confirmedAtMs;
  }

  get #checkedAtMs(): number {
    return this.#freshSinceMs ?? this.#confirmedAtMs;
  }

  /** What the source has, by a query. `freshSinceMs`: its TTL begins at another time than that of the confirmation. */
  set(metadata: ResourceMetadata | 'missing', confirmedAtMs: number, freshSinceMs?: number): void {
    const { file } = this;
    this.#metadata = metadata;
    this.#confirmedAtMs = confirmedAtMs;
    this.#freshSinceMs = freshSinceMs;
    this.#isInvalid = false;
    this.#resize();
    if (file !== undefined && !isSameFile(metadata, file.version)) this.#noteGone(file.version);
  }

  /** The source has just returned that its metadata still holds. That of one that was invalidated does not. */
  confirm(): void {
    if (this.#isInvalid) return;
    this.#confirmedAtMs = this.#context.freshness.now();
    this.#freshSinceMs = undefined;
  }

  /** Its source cannot be queried: it is, again, after the negative TTL. */
  postpone(): void {
    if (!this.#isInvalid) this.#freshSinceMs = this.#context.freshness.retriedSinceMs();
  }

  /** The next use queries the source, by a conditional request. */
  expire(): void {
    this.query?.detach();
    this.#freshSinceMs = -Infinity;
    if (this.file === undefined) this.#metadata = undefined;
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
    if (this.file !== undefined) this.#noteGone(this.file.version);
  }

  /**
   * Takes what a listing says of a file for its metadata, unless the source has answered for it since, or its metadata
   * turned out to be wrong. Of the same version more may be known.
   */
  adopt(entry: ListedEntry, listedAtMs: number): FileMetadata | undefined {
    const isOlder = this.#isInvalid || this.#confirmedAtMs >= listedAtMs;
    const listed = isOlder ? undefined : metadataFromListed(entry);
    if (listed === undefined) return undefined;
    let adopted = listed;
    if (isSameFile(this.#metadata, listed.version)) {
      const { permissions = this.#metadata.permissions } = listed;
      adopted = { ...this.#metadata, permissions };
    }
    this.set(adopted, listedAtMs);
    return adopted;
  }

  /** Metadata that is older than a listing, and contradicts it, does not hold any more. */
  compare(entry: ListedEntry, listedAtMs: number): void {
    const { fresh } = this;
    if (fresh === undefined || this.#checkedAtMs >= listedAtMs || !contradicts(entry, fresh)) return;
    if (this.adopt(entry, listedAtMs) === undefined) this.invalidate();
  }

  /** Something came to light while the body of a version was read. */
  learn(version: VersionIdentity, fact: LearnedFact): void {
    if (!isSameFile(this.#metadata, version)) return;
    this.#metadata = { ...this.#metadata, ...fact };
    this.#resize();
  }

  /** Whether the metadata is of another version by now. */
  isSuperseded(version: VersionIdentity): boolean {
    return this.#metadata !== undefined && !isSameFile(this.lastKnown, version);
  }

  /** The version, to be used in this step. Shared by all that use it. */
  versionOf(file: FileMetadata): Version {
    let version = this.#find(file.version);
    if (version === undefined) {
      version = new Version(this, file, this.#context.versions);
      if (this.#versions.length === 0) this.hold();
      this.#versions = [...this.#versions, version];
    }
    version.begin(file);
    return version;
  }

  #find({ id }: VersionIdentity): Version | undefined {
    return this.#versions.find(({ identity }) => identity.id === id);
  }

  /** Of the version that was known last, in memory or known to be on disk. */
  get cachedBytes(): number {
    const { lastKnown } = this;
    if (typeof lastKnown !== 'object' || lastKnown.kind === 'directory') return 0;
    return this.#find(lastKnown.version)?.cachedBytes ?? 0;
  }

  /** Removes all blocks from memory; those that are needed now when they are needed no more. */
  dropBlocks(): Evicted {
    const cached = this.#versions.filter(({ blocks }) => blocks.cachedBytes > 0);
    const bytes = cached.reduce((sum, { blocks }) => sum + blocks.cachedBytes, 0);
    for (const { blocks } of cached) blocks.drop();
    return { files: cached.length, bytes };
  }

  /** Another one stands for its URL: nothing of this one is shared with later users, and its query ends for those who wait. */
  detach(): void {
    this.query?.detach();
    for (const version of this.#versions) version.detach();
    if (this.file !== undefined) this.#noteGone(this.file.version);
  }

  supersede({ identity }: Version): void {
    // Others may have noticed before: then the metadata kept by now is newer.
    const isKnown = this.isSuperseded(identity);
    if (!isKnown) this.invalidate();
    this.#noteGone(identity, isKnown);
  }

  reject(version: Version, error: CorruptError): void {
    const { message, url, expected, found } = error;
    this.#context.versions.log.warn({ url, expected, found }, `${message}; what was read is dropped`);
    this.supersede(version);
    version.detach();
    this.remove(version);
  }

  distrust(version: VersionIdentity): void {
    if (!this.isSuperseded(version)) this.invalidate();
  }

  remove(version: Version): void {
    if (!this.#versions.includes(version)) return;
    this.#versions = this.#versions.filter((other) => other !== version);
    if (this.#versions.length === 0) this.release();
  }

  /** The source has the version no longer. What is on disk would be taken for the current one again. */
  #noteGone(version: VersionIdentity, isKnown = false): void {
    const { onChanged, versions } = this.#context;
    const old = this.#find(version);
    if (old === undefined) versions.storage.drop({ resource: this.url, version: version.id });
    else old.stored.drop();
    if (!isKnown) onChanged(this.url);
  }

  /** Nothing is known of it, and nothing needs it. */
  get isUnused(): boolean {
    return this.isEmpty && this.#uses === 0;
  }

  /** It stays in the table until it is released. */
  hold(): void {
    this.#uses += 1;
    if (this.#uses === 1 && this.isKept) this.#context.versions.budget.hold(this);
  }

  release(): void {
    this.#uses -= 1;
    if (this.#uses > 0) return;
    if (this.isEmpty) this.#context.remove(this);
    else if (this.isKept) this.#context.versions.budget.release(this);
  }

  /** By the budget. */
  evict(): void {
    this.#context.remove(this);
  }

  #resize(): void {
    const bytes = RESOURCE_BYTES + stringBytes(this.url) + metadataBytes(this.#metadata);
    if (bytes !== this.bytes && this.isKept) this.#context.versions.budget.resize(this, bytes);
  }
}
