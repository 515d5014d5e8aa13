import type { VersionKey } from '../version-identity.js';
import type { StoredFacts } from './disk-cache.js';
import { type EncodedHeader, encodeHeader } from './index-file.js';
import { type Geometry, geometryOf, nameOfSegment, nameOfVersion } from './layout.js';
import { LocalCopy } from './local-copy.js';
import type { Segment, SegmentIdentity } from './segment.js';
import type { StoreContext } from './store-context.js';

/** A version that is open: its segments, for all of its handles. */
export class OpenVersion {
  readonly key: VersionKey;
  readonly facts: StoredFacts;
  readonly geometry: Geometry;
  readonly name: string;
  readonly segments = new Map<number, Segment>();
  /** Changes whenever a segment's files are removed: one that is being loaded then is not what it was. */
  removals = 0;
  /** What a process that only reads saw of the index files. */
  readonly seenIndexes = new Map<number, string>();
  /** Of a version that is one segment. */
  local: LocalCopy | undefined;
  /** The source has another version: nothing is stored of this one any more. */
  isDropped = false;
  /** When its index files were last read, by a process that only reads. */
  refreshedAtMs = performance.now();
  /** Called with the digest of a complete copy that does not have that of the facts. */
  onCorrupt: (found: string) => void = () => undefined;
  /** How many `StoredVersion`s are not closed. */
  handles = 0;
  readonly #context: StoreContext;
  readonly #onUnused: (version: OpenVersion) => void;
  /** Handles, and operations in flight. */
  #users = 0;

  constructor(
    context: StoreContext,
    key: VersionKey,
    facts: StoredFacts,
    onUnused: (version: OpenVersion) => void,
  ) {
    const { blockBytes, limitBytes } = context.options;
    this.key = key;
    this.facts = facts;
    this.geometry = geometryOf(facts.sizeBytes, blockBytes, limitBytes);
    this.name = nameOfVersion(key);
    this.#context = context;
    this.#onUnused = onUnused;
  }

  identity(segment: number): SegmentIdentity {
    const { geometry, key } = this;
    const name = nameOfSegment(this.name, segment);
    return { name, url: key.resource, versionId: key.version, geometry, segment };
  }

  /** The header for a new index file; undefined: it is too long. */
  header(segment: number): EncodedHeader | undefined {
    const { blockBytes, segmentBlocks } = this.geometry;
    // It may be stored long after the source reported it.
    const createdAtMs = this.#context.confirmations.get(this.name)?.atMs ?? Date.now();
    return encodeHeader({
      url: this.key.resource,
      facts: this.facts,
      blockBytes,
      segmentBlocks,
      segment,
      createdAtMs,
    });
  }

  get storedBytes(): number {
    let bytes = 0;
    for (const segment of this.segments.values()) bytes += segment.table.storedBytes;
    return bytes;
  }

  retain(): void {
    this.#users += 1;
  }

  release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onUnused(this);
    for (const segment of this.segments.values()) void segment.detach();
  }

  async whileRetained<T>(work: () => Promise<T>): Promise<T> {
    this.retain();
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  isWanted(): boolean {
    return this.handles > 0;
  }

  /** The segment takes the place of the one that there was. */
  adopt(segment: Segment): void {
    const number = segment.span.segment;
    void this.segments.get(number)?.detach();
    this.segments.set(number, segment);
    if (this.geometry.segmentCount === 1) this.local = new LocalCopy(this.#context, segment, this);
  }

  /** The segment's files are being removed. Resolves when they are closed. */
  async detach(number: number): Promise<void> {
    const segment = this.segments.get(number);
    this.removals += 1;
    this.segments.delete(number);
    if (this.geometry.segmentCount === 1) this.local = undefined;
    await segment?.detach();
  }

  /** Forgets everything at once. */
  drop(): void {
    this.isDropped = true;
    for (const segment of this.segments.values()) segment.table.forgetAll();
  }
}
