import type { Logger } from 'pino';

import type { MetadataBudget } from '../memory/metadata-budget.js';
import { type CorruptError, type Response, SourceError, type SourceErrorCode } from '../source/index.js';
import type { Block } from './blocks/block.js';
import type { BlockPool } from './blocks/block-pool.js';
import type { MemoryShares } from './blocks/memory-shares.js';
import { type BlockRun, VersionBlocks } from './blocks/version-blocks.js';
import type { DownloadContext, Downloader, Holder, LearnedFact } from './download/downloader.js';
import { Ranged } from './download/ranged.js';
import { Sequential } from './download/sequential.js';
import { type ClientSource, VersionClient } from './download/version-client.js';
import type { FileMetadata } from './file-metadata.js';
import { StoredBlocks } from './stored-blocks.js';
import type { VersionIdentity } from './version-identity.js';
import type { VersionStorage } from './version-storage.js';
import type { VersionsInUse } from './versions-in-use.js';

/** What all versions are read with. */
export interface VersionContext extends ClientSource {
  readonly pool: BlockPool;
  readonly budget: MetadataBudget;
  readonly shares: MemoryShares;
  readonly storage: VersionStorage;
  readonly inUse: VersionsInUse;
  /** The prefix that a probe brings along. */
  readonly probeBytes: number;
  readonly log: Logger;
}

/** The resource that a version is one of. */
export interface VersionOwner {
  readonly url: string;
  learn(version: VersionIdentity, fact: LearnedFact): void;
  /** The source has another version by now, or serves none. */
  supersede(version: Version): void;
  /** All bytes came, and do not have the digest that the source gives. */
  reject(version: Version, error: CorruptError): void;
  /**
   * The next handle must not trust the metadata of the version: it is indistinguishable from the next one, or has no
   * ranges, other than the metadata says.
   */
  distrust(version: VersionIdentity): void;
  /** Nothing of it is open, in flight, in memory or being stored. */
  remove(version: Version): void;
}

/** What the version is void with, for everybody. */
const VOIDING = new Set<SourceErrorCode>(['CHANGED', 'ACCESS_DENIED']);

/**
 * One version of one file: its blocks come from memory, from disk, or from its downloader. Shared by all handles, which is what makes
 * fetches single-flight.
 */
export class Version implements DownloadContext {
  readonly blocks: VersionBlocks;
  readonly stored: StoredBlocks;
  readonly #context: VersionContext;
  readonly #owner: VersionOwner;
  #file: FileMetadata;
  #isInUse = false;
  #isDetached = false;
  /** While it is in use, and something is fetched. */
  #fetcher: Downloader | undefined;
  #handles = 0;
  #uid: number | undefined;
  #corrupt: CorruptError | undefined;

  constructor(owner: VersionOwner, file: FileMetadata, context: VersionContext) {
    this.#owner = owner;
    this.#context = context;
    this.#file = file;
    const { pool, budget } = context;
    const key = { resource: owner.url, version: file.version.id };
    this.blocks = new VersionBlocks(key, file.version, pool, budget, {
      onComplete: (block, checksum) => this.stored.store(block, checksum),
      onEmpty: () => this.#noteEmpty(),
    });
    this.stored = new StoredBlocks(this, context.storage, () => this.#removeIfUnused());
  }

  get url(): string {
    return this.#owner.url;
  }

  get uid(): number | undefined {
    return this.#uid;
  }

  /** What is known of it by now. */
  get file(): FileMetadata {
    return this.#file;
  }

  get identity(): VersionIdentity {
    return this.#file.version;
  }

  get size(): number | undefined {
    return this.#file.size;
  }

  get isStorable(): boolean {
    return this.#context.storage.isStorable(this.#file);
  }

  /** Several have it open. */
  get isShared(): boolean {
    return this.#handles > 1;
  }

  /** To be called before it is used: it ends when nothing is open and nothing in flight. `file`: what is known of it now. */
  begin(file: FileMetadata): void {
    if (this.#isInUse) return;
    this.#isInUse = true;
    this.#file = file;
    this.#corrupt = undefined;
    this.#context.inUse.add(this);
    this.stored.open();
  }

  get downloader(): Downloader {
    // A read goes on whose handle was closed.
    this.begin(this.#file);
    return (this.#fetcher ??= this.#newDownloader());
  }

  #newDownloader(): Downloader {
    const { shares } = this.#context;
    const { size, supportRange } = this.#file;
    this.blocks.share = shares.acquire(this.url, this.#uid);
    const client = new VersionClient(this.#context, this);
    const downloader =
      supportRange && size !== undefined ? new Ranged(this, client, size) : new Sequential(this, client);
    downloader.setInUse(this.#handles > 0);
    return downloader;
  }

  /** Something came to light while it was downloaded. */
  learn(fact: LearnedFact): void {
    this.#file = { ...this.#file, ...fact };
    if ('digest' in fact) this.stored.learnDigest(fact.digest);
    if (!this.#isDetached) this.#owner.learn(this.identity, fact);
  }

  noteRangeIgnored(): void {
    this.#owner.distrust(this.identity);
  }

  /** Bytes that need not be fetched. */
  get cachedBytes(): number {
    return Math.max(this.blocks.cachedBytes, this.stored.storedBytes);
  }

  get #isIdle(): boolean {
    return this.#handles === 0 && this.#fetcher?.isBusy !== true;
  }

  /** Takes over the body of a probe. */
  fill(response: Response): void {
    this.downloader.fill(response, this.#context.probeBytes);
    // Nothing of it was taken: no event will report that it is unused.
    this.endIfIdle();
    if (this.isParked) this.#context.inUse.park(this);
  }

  /** Whether a body is kept ready though no handle is open, and no read waits for it. */
  get isParked(): boolean {
    return this.#handles === 0 && this.#fetcher?.isParked === true;
  }

  retain(uid: number | undefined): void {
    this.#handles += 1;
    if (uid !== this.#uid) this.#countTo(uid);
    this.#fetcher?.setInUse(true);
  }

  /** It downloads for this user, and what is used of it counts to the share of this user, from now on. */
  #countTo(uid: number | undefined): void {
    this.#uid = uid;
    const { share } = this.blocks;
    if (share === undefined) return;
    this.blocks.share = this.#context.shares.acquire(this.url, uid);
    share.release();
  }

  /** A handle is closed; what it has fetched ahead is not needed for it. */
  release(holders: readonly Holder[] = []): void {
    this.#handles -= 1;
    for (const holder of holders) this.#fetcher?.release(holder);
    if (this.#handles === 0) this.#fetcher?.setInUse(false);
    this.endIfIdle();
  }

  releaseHolder(holder: Holder): void {
    this.#fetcher?.release(holder);
    this.endIfIdle();
  }

  close(): void {
    this.#fetcher?.close();
  }

  endIfIdle(): void {
    if (!this.#isInUse || !this.#isIdle) return;
    this.#isInUse = false;
    this.#context.inUse.delete(this);
    this.#fetcher = undefined;
    this.blocks.share?.release();
    this.blocks.share = undefined;
    this.stored.close();
    // Part of a resource without validators must not be completed from another download later: nothing
    // shows that it is the same version.
    const isPartial = !this.identity.verifiable && this.blocks.cachedBytes !== this.size;
    if (this.#isDetached || isPartial) this.blocks.drop();
    if (isPartial && !this.#isDetached) this.#owner.distrust(this.identity);
    this.#removeIfUnused();
  }

  /** The last block is gone. */
  #noteEmpty(): void {
    if (this.#isInUse) return;
    // What was shown of it cannot be compared any more with what comes.
    if (!this.identity.verifiable && !this.#isDetached) this.#owner.distrust(this.identity);
    this.#removeIfUnused();
  }

  #removeIfUnused(): void {
    if (this.#isInUse || this.stored.whenClosed !== undefined || !this.blocks.isEmpty) return;
    this.blocks.forgetDigests();
    if (!this.#isDetached) this.#owner.remove(this);
  }

  /** Nothing of it is shared with later handles. */
  detach(): void {
    this.#isDetached = true;
    this.stored.drop();
    if (!this.#isInUse) this.blocks.drop();
    if (this.isParked) this.close();
  }

  /** Nothing of it is read any more. */
  setCorrupt(error: CorruptError): void {
    if (this.#corrupt !== undefined) return;
    this.#corrupt = error;
    if (!this.#isDetached) this.#owner.reject(this, error);
  }

  throwIfCorrupt(): void {
    if (this.#corrupt !== undefined) throw this.#corrupt;
  }

  /** What is forbidden by now is not served from what is stored either. */
  noteFailure(error: unknown): void {
    if (error instanceof SourceError && VOIDING.has(error.code) && !this.#isDetached) {
      this.#owner.supersede(this);
    }
  }

  /** Where a read up to `end` ends. */
  cut(end: number): number {
    return Math.min(end, this.size ?? Infinity);
  }

  /**
   * The blocks of a run, to be brought to disk: none of them is needed by a read. To be released. Undefined: there is no room for them
   * now.
   */
  takeAhead(run: BlockRun, holder: Holder): readonly Block[] | undefined {
    const { blocks, downloader } = this;
    const { pool } = blocks;
    // What is fetched by range is no more than readahead.
    const needed = downloader.isStreamed ? run : { first: run.first, end: run.first };
    const demand = { needed, aheadEnd: run.end, reader: holder, ahead: holder };
    const begin = (): void => {
      if (!downloader.isStreamed) pool.promise(0);
      downloader.demand(demand);
    };
    const taken = blocks.take(run, (slots) => pool.hasRoomAhead(slots), begin);
    if (taken === undefined || taken.length === run.end - run.first) return taken;
    for (const block of taken) pool.release(block);
    return undefined;
  }

  /** Begins a stream by a cluster, for a run that is read by no handle. Returns whether it comes in order. */
  streamAhead(run: BlockRun): boolean {
    this.downloader.stream(run, true);
    return this.downloader.isStreamed;
  }
}
