import type { VersionKey } from '../version.js';
import type { CheckedBlock, StoredFacts, WritePath } from './disk-cache.js';
import { type EncodedHeader, encodeHeader } from './index-file.js';
import { type Geometry, geometryOf, nameOfSegment, nameOfVersion } from './layout.js';
import { LocalCopy } from './local-copy.js';
import type { Segment, SegmentIdentity } from './segment.js';
import { refreshVersion } from './segment-loading.js';
import { storeBlocks } from './store-blocks.js';
import type { StoreContext } from './store-context.js';

/** How often a process that only reads looks for what the writer has added. */
const REFRESH_EVERY_MS = 1_000;

/** A run of blocks in one segment. */
interface Part {
  readonly segment: number;
  /** Counted from the start of the version. */
  readonly first: number;
  /** Where the run begins in the list of the caller. */
  readonly from: number;
  readonly to: number;
}

/** A version that somebody has open: one object for all of them. Block indexes count from its start. */
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
  /** How many `StoredVersion`s are not closed. */
  handles = 0;
  readonly #context: StoreContext;
  readonly #onUnused: (version: OpenVersion) => void;
  /** Handles, and operations under way. */
  #users = 0;
  #refreshedAtMs = performance.now();

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
    // It may be stored long after the source told of it.
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

  isWanted(): boolean {
    return this.handles > 0;
  }

  has(index: number): boolean {
    if (this.isDropped) return false;
    const segment = this.segments.get(Math.floor(index / this.geometry.segmentBlocks));
    if (segment?.table.has(index - segment.span.firstBlock) === true) return true;
    if (this.#context.writer === undefined) this.#refresh();
    return false;
  }

  async read(first: number, targets: readonly Uint8Array[]): Promise<boolean[]> {
    this.retain();
    try {
      const read = this.#parts(first, targets.length).map(async (part) => ({
        from: part.from,
        right: await this.#readPart(part, targets.slice(part.from, part.to)),
      }));
      const all = targets.map(() => false);
      for (const { from, right } of await Promise.all(read)) all.splice(from, right.length, ...right);
      return all;
    } finally {
      this.release();
    }
  }

  async #readPart(part: Part, targets: readonly Uint8Array[]): Promise<boolean[]> {
    const segment = this.segments.get(part.segment);
    if (segment === undefined || this.#context.isClosing) return targets.map(() => false);
    const usedAtMs = this.#context.writer?.catalog.use(segment.name);
    if (usedAtMs !== undefined) void this.#touch(segment, usedAtMs);
    const right = await segment.read(part.first - segment.span.firstBlock, targets);
    if (segment.forgetting !== undefined) {
      this.retain();
      void segment.forgetting.finally(() => this.release());
    }
    return right;
  }

  async write(blocks: readonly CheckedBlock[], path: WritePath): Promise<boolean> {
    if (!blocks.every((block) => this.#isWhole(block))) return false;
    this.retain();
    try {
      const stored = await Promise.all(
        bySegment(blocks, this.geometry.segmentBlocks).map(([segment, part]) =>
          storeBlocks(this.#context, this, segment, part, path),
        ),
      );
      if (this.local?.isProven() === false) void this.local.prove();
      return stored.every(Boolean);
    } finally {
      this.release();
    }
  }

  #isWhole({ index, bytes }: CheckedBlock): boolean {
    const { blockBytes, sizeBytes } = this.geometry;
    return bytes.byteLength === Math.min(blockBytes, sizeBytes - index * blockBytes);
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

  #refresh(): void {
    const now = performance.now();
    if (now - this.#refreshedAtMs < REFRESH_EVERY_MS || this.#context.isClosing) return;
    this.#refreshedAtMs = now;
    this.retain();
    void refreshVersion(this.#context, this).finally(() => this.release());
  }

  /** So that the order of use outlives the process. */
  #touch(segment: Segment, usedAtMs: number): Promise<void> {
    this.retain();
    return this.#context.changes
      .run(() => segment.files.touch(usedAtMs))
      .catch((error: unknown) => {
        if (!segment.isDetached) this.#context.trouble.note('cannot note the use of a stored segment', error);
      })
      .finally(() => this.release());
  }

  #parts(first: number, count: number): Part[] {
    const { segmentBlocks, blockCount } = this.geometry;
    const parts: Part[] = [];
    const end = Math.min(first + count, blockCount);
    for (let at = first; at < end;) {
      const segment = Math.floor(at / segmentBlocks);
      const next = Math.min(end, (segment + 1) * segmentBlocks);
      parts.push({ segment, first: at, from: at - first, to: next - first });
      at = next;
    }
    return parts;
  }
}

/** Each segment's number, and its blocks. */
function bySegment(blocks: readonly CheckedBlock[], segmentBlocks: number): [number, CheckedBlock[]][] {
  const parts = new Map<number, CheckedBlock[]>();
  for (const block of blocks) {
    const segment = Math.floor(block.index / segmentBlocks);
    const part = parts.get(segment);
    if (part === undefined) parts.set(segment, [block]);
    else part.push(block);
  }
  return [...parts];
}
