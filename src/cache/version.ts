import type { Logger } from 'pino';

import {
  type ContentDigest,
  type CorruptError,
  type Response,
  SourceError,
  type SourceErrorCode,
} from '../source/index.js';
import type { Block } from './blocks/block.js';
import type { Attempt, BlockPool } from './blocks/block-pool.js';
import type { MemoryShares } from './blocks/memory-shares.js';
import { areVisible, takeRun } from './blocks/taken-run.js';
import { type BlockRun, VersionBlocks } from './blocks/version-blocks.js';
import type { DownloadContext, Downloader, Holder } from './download/downloader.js';
import { Ranged } from './download/ranged.js';
import { Sequential } from './download/sequential.js';
import type { FileMetadata } from './file-metadata.js';
import { isLikelyToReadAll, type Readahead, type ReadaheadPlan, type ReadStream } from './readahead.js';
import type { ReadOptions, Sink } from './resource-cache.js';
import type { StoredBlocks } from './stored-blocks.js';
import { type ClientUser, VersionClient, type VersionClientContext } from './version-client.js';
import type { VersionIdentity } from './version-identity.js';
import type { VersionStorage } from './version-storage.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** What all versions are read with. */
export interface VersionContext extends VersionClientContext {
  readonly pool: BlockPool;
  readonly budget: MetadataBudget;
  readonly shares: MemoryShares;
  readonly storage: VersionStorage;
  readonly probeBytes: number;
  readonly log: Logger;
  /** It is open, or something of it is in flight, until `end`. */
  begin(version: Version): void;
  end(version: Version): void;
  /** The body of a probe was handed to it. */
  park(version: Version): void;
}

/** What only the body of a version shows, or a response to its download. */
export type LearnedFact =
  | { readonly size: number }
  | { readonly isLong: true }
  | { readonly digest: ContentDigest };

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

/** Who reads: the state that belongs to one handle. */
export interface Reader {
  readonly readahead: Readahead;
  /** Its version is not to be had any more. */
  isStale?: true;
}

/** What the version is void with, for everybody. */
const VOIDING = new Set<SourceErrorCode>(['CHANGED', 'ACCESS_DENIED']);
/** A stream that has read this part of the memory is no file that is likely to stay in it. */
const SCAN_SHARE = 1 / 2;

/**
 * One version of one file: its blocks come from memory, from disk, or from its downloader. Shared by all handles, which is what makes
 * fetches single-flight.
 */
export class Version implements ClientUser {
  readonly blocks: VersionBlocks;
  readonly #context: VersionContext;
  readonly #owner: VersionOwner;
  #file: FileMetadata;
  #size: number | undefined;
  #isInUse = false;
  #isDetached = false;
  /** While it is in use, and something is fetched. */
  #fetcher: Downloader | undefined;
  /** While it is in use, and until what it wrote then is stored. */
  #stored: StoredBlocks | undefined;
  /** It is not known yet what is on disk. */
  #opening: Promise<StoredBlocks | undefined> | undefined;
  /** How many earlier uses still write. */
  #closing = 0;
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
      onComplete: (block, checksum) => this.#stored?.store(block, checksum),
      onEmpty: () => this.#noteEmpty(),
    });
  }

  get url(): string {
    return this.#owner.url;
  }

  /** The user who opened it last, where users are distinguished. */
  get uid(): number | undefined {
    return this.#uid;
  }

  onRangeIgnored(): void {
    this.#owner.distrust(this.identity);
  }

  onDigest(digest: ContentDigest): void {
    if (this.#file.digest !== undefined) return;
    this.#file = { ...this.#file, digest };
    this.stored?.learnDigest(digest);
    if (!this.#isDetached) this.#owner.learn(this.identity, { digest });
  }

  /** What was known of it when its use began. */
  get file(): FileMetadata {
    return this.#file;
  }

  get identity(): VersionIdentity {
    return this.#file.version;
  }

  /** To be called before it is used: it ends when nothing is open and nothing in flight. `file`: what is known of it now. */
  begin(file: FileMetadata): void {
    if (this.#isInUse) return;
    this.#isInUse = true;
    this.#file = file;
    this.#size = file.size;
    this.#corrupt = undefined;
    this.#context.begin(this);
    this.#open();
  }

  /** Looks for it on disk. What comes from now on is stored. */
  #open(): void {
    const opened = this.#context.storage.open(this, this.#closing > 0);
    const attach = (stored: StoredBlocks): void => {
      if (this.#file.digest !== undefined) stored.learnDigest(this.#file.digest);
      // What came before it was open.
      for (const block of this.blocks.complete) stored.store(block);
    };
    if (opened instanceof Promise) {
      const opening = opened.then((stored) => {
        if (stored !== undefined) attach(stored);
        if (this.#opening === opening) this.#opening = undefined;
        else if (this.#isInUse) return stored;
        this.#stored = stored;
        return stored;
      });
      this.#opening = opening;
    } else if (opened !== undefined) {
      this.#stored = opened;
      attach(opened);
    }
  }

  get #downloader(): Downloader {
    // A read goes on whose handle was closed.
    this.begin(this.#file);
    return (this.#fetcher ??= this.#newDownloader());
  }

  #newDownloader(): Downloader {
    const { blocks } = this;
    const { version, size, supportRange } = this.#file;
    const client = new VersionClient(this.#context, this, version);
    blocks.share = this.#context.shares.acquire(this.url, this.#uid);
    const context: DownloadContext = {
      url: this.url,
      blocks,
      digest: () => this.#file.digest,
      download: (range, promotion, signal) => client.download(range, promotion, signal),
      peers: client.peers,
      isStored: this.#context.storage.isStorable(this.#file),
      onCorrupt: (error) => this.setCorrupt(error),
      onIdle: () => this.#endIfIdle(),
    };
    const downloader =
      supportRange && size !== undefined
        ? new Ranged(context, size)
        : new Sequential(context, this.#size, (size) => {
            this.#size = size;
            if (!this.#isDetached) this.#owner.learn(version, { size });
          });
    downloader.setInUse(this.#handles > 0);
    return downloader;
  }

  /** Resolves when it is known what is on disk; undefined: it is known already. */
  get whenOpen(): Promise<unknown> | undefined {
    return this.#opening;
  }

  /** Undefined: what is on disk is not known yet, or nothing is to be stored. */
  get stored(): StoredBlocks | undefined {
    return this.#opening === undefined ? this.#stored : undefined;
  }

  /** A descriptor of the complete local copy, valid while a handle is open. */
  get localFd(): number | undefined {
    return this.stored?.localFd();
  }

  /** Bytes that need not be fetched. */
  get cachedBytes(): number {
    return Math.max(this.blocks.cachedBytes, this.stored?.storedBytes ?? 0);
  }

  get size(): number | undefined {
    return this.#size;
  }

  /** Several have it open. */
  get isShared(): boolean {
    return this.#handles > 1;
  }

  get #isIdle(): boolean {
    return this.#handles === 0 && this.#fetcher?.isBusy !== true;
  }

  /** Takes over the body of a probe. */
  fill(response: Response): void {
    this.#downloader.fill(response, this.#context.probeBytes);
    // Nothing of it was taken: no event will report that it is unused.
    this.#endIfIdle();
    if (this.isParked) this.#context.park(this);
  }

  /** Whether a body is kept ready though no handle is open, and no read waits for it. */
  get isParked(): boolean {
    const fetcher = this.#fetcher;
    return this.#handles === 0 && fetcher instanceof Sequential && fetcher.isBusy && !fetcher.isAwaited;
  }

  /** `Sequential.isLong`. */
  async isLong(waitMs: number, signal?: AbortSignal): Promise<boolean> {
    const downloader = this.#downloader;
    return downloader instanceof Sequential && (await downloader.isLong(waitMs, signal));
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

  release(reader?: Reader): void {
    this.#handles -= 1;
    for (const holder of reader?.readahead.holders ?? []) this.#fetcher?.release(holder);
    if (this.#handles === 0) this.#fetcher?.setInUse(false);
    this.#endIfIdle();
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#downloader.whenSizeKnown(signal);
  }

  close(): void {
    this.#fetcher?.close();
  }

  #endIfIdle(): void {
    if (!this.#isInUse || !this.#isIdle) return;
    this.#isInUse = false;
    this.#context.end(this);
    this.#fetcher = undefined;
    this.blocks.share?.release();
    this.blocks.share = undefined;
    this.closeStored();
    // Part of a resource without validators must not be completed from another download later: nothing
    // shows that it is the same version.
    const isPartial = !this.identity.verifiable && this.blocks.cachedBytes !== this.#size;
    if (this.#isDetached || isPartial) this.blocks.drop();
    if (isPartial && !this.#isDetached) this.#owner.distrust(this.identity);
    this.#removeIfUnused();
  }

  /** What is to be written still will be. */
  closeStored(): void {
    const opened = this.#opening ?? this.#stored;
    this.#opening = undefined;
    if (opened === undefined) return;
    this.#closing += 1;
    void this.#context.storage.close(opened).then(() => {
      this.#closing -= 1;
      if (!this.#isInUse && this.#closing === 0) this.#stored = undefined;
      this.#removeIfUnused();
    });
  }

  /** The last block is gone. */
  #noteEmpty(): void {
    if (this.#isInUse) return;
    // What was shown of it cannot be compared any more with what comes.
    if (!this.identity.verifiable && !this.#isDetached) this.#owner.distrust(this.identity);
    this.#removeIfUnused();
  }

  #removeIfUnused(): void {
    if (this.#isInUse || this.#closing > 0 || !this.blocks.isEmpty) return;
    this.blocks.forgetDigests();
    if (!this.#isDetached) this.#owner.remove(this);
  }

  /** Nothing of it is shared with later handles. */
  detach(): void {
    this.#isDetached = true;
    this.dropStored();
    if (!this.#isInUse) this.blocks.drop();
    if (this.isParked) this.close();
  }

  /** What is on disk would be taken for the current version again. */
  dropStored(): void {
    this.#stored?.drop();
    this.#context.storage.drop(this.blocks.key);
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

  /** `OpenResource.head`. */
  head(): Uint8Array {
    return this.blocks.get(0)?.visible ?? new Uint8Array();
  }

  /** `OpenResource.read`. */
  async read<Result>(
    reader: Reader,
    offset: number,
    length: number,
    sink: Sink<Result>,
    options?: ReadOptions,
  ): Promise<Result> {
    this.throwIfCorrupt();
    const { blocks } = this;
    const { pool, key } = blocks;
    const holder: Holder = {};
    let plan: ReadaheadPlan | undefined;
    try {
      // Again, with empty hands, when a block is gone without an error: it is requested anew, or lies behind the end.
      for (;;) {
        const end = this.#cutToSize(offset + length);
        if (end <= offset) return sink([]);
        const needed = runOf(blocks, offset, end);
        pool.checkLength(needed.end - needed.first);
        const isFirst = plan === undefined;
        plan ??= this.#plan(reader, offset, end);
        const { stream } = plan;
        const demand: ReadDemand = {
          needed,
          holder,
          reader,
          plan: isFirst ? plan : undefined,
          readsAll: options?.readsAll === true,
          isStalled: isFirst && !blocks.has(offset, end),
        };
        let acquired: readonly Block[] | undefined;
        const attempt: Attempt = (hasRoom) => {
          acquired = takeRun(blocks, needed, hasRoom, () => this.#demand(demand));
          return acquired !== undefined;
        };
        if (!pool.tryTake(attempt, blocks.share)) {
          await pool.wait(attempt, blocks.share, key.resource, options?.signal);
        }
        try {
          if (acquired?.length !== needed.end - needed.first) {
            // The size became known while it waited.
            if (end > this.#cutToSize(end)) continue;
            throw new Error('a block was not begun');
          }
          if (await areVisible(acquired, end, options)) {
            const result = sink(blocks.views(acquired, offset, this.#cutToSize(end), options));
            this.#leaveBehind(stream, acquired, offset, end);
            return result;
          }
        } finally {
          for (const block of acquired ?? []) pool.release(block);
        }
      }
    } catch (error) {
      this.noteFailure(error);
      if (error instanceof SourceError && error.code === 'CHANGED') this.#noteStale(reader);
      throw error;
    } finally {
      this.#fetcher?.release(holder);
      this.#endIfIdle();
    }
  }

  /**
   * The blocks of a run, to be brought to disk: none of them is needed by a read. To be released. Undefined: there is no room for them
   * now.
   */
  takeAhead(run: BlockRun, holder: Holder): readonly Block[] | undefined {
    const { pool } = this.blocks;
    const downloader = this.#downloader;
    const isInOrder = !(downloader instanceof Ranged) || downloader.isStreamed;
    // What is fetched by range is no more than readahead.
    const needed = isInOrder ? run : { first: run.first, end: run.first };
    const demand = { needed, aheadEnd: run.end, reader: holder, ahead: holder };
    const taken = takeRun(
      this.blocks,
      run,
      (slots) => pool.hasRoomAhead(slots),
      () => {
        if (!isInOrder) pool.promise(0);
        downloader.demand(demand);
      },
    );
    if (taken === undefined || taken.length === run.end - run.first) return taken;
    for (const block of taken) pool.release(block);
    return undefined;
  }

  /** Begins a stream by a cluster, for a run that is read by no handle. Returns whether it comes in order. */
  streamAhead(run: BlockRun): boolean {
    if (!(this.#downloader instanceof Ranged)) return false;
    this.#downloader.stream(run, true);
    return this.#downloader.isStreamed;
  }

  releaseHolder(holder: Holder): void {
    this.#downloader.release(holder);
  }

  #plan(reader: Reader, offset: number, end: number): ReadaheadPlan {
    const isStalled = !this.blocks.has(offset, end);
    const plan = reader.readahead.next(offset, end, isStalled, this.#downloader.maxAheadBytes);
    // The kernel reads by the handle that was opened first, so that among many each seems to jump about: what
    // one leaves, another is likely to read.
    if (plan.abandoned !== undefined && this.#handles === 1) this.#downloader.release(plan.abandoned);
    return plan;
  }

  /** Begins what is missing of a read, and what its plan says. */
  #demand({ needed, holder, reader, plan, readsAll, isStalled }: ReadDemand): void {
    const downloader = this.#downloader;
    const { blockBytes } = this.blocks;
    const aheadEnd = plan === undefined ? needed.end : Math.ceil(plan.aheadEnd / blockBytes);
    const run = { first: needed.first, end: Math.max(needed.end, aheadEnd) };
    let hadRoom = this.stored?.demand(run, needed) ?? true;
    if (plan !== undefined && isStalled && downloader instanceof Ranged) {
      if (readsAll || isLikelyToReadAll(plan.stream)) downloader.stream(run, readsAll);
    }
    const ahead = plan?.ahead ?? holder;
    hadRoom =
      downloader.demand({ needed, aheadEnd: hadRoom ? run.end : needed.end, reader: holder, ahead }) &&
      hadRoom;
    if (plan?.region !== undefined) {
      const region = runOf(this.blocks, plan.region.start, this.#cutToSize(plan.region.end));
      const none = { first: region.first, end: region.first };
      hadRoom &&=
        (this.stored?.demand(region) ?? true) &&
        downloader.demand({ needed: none, aheadEnd: region.end, reader: ahead, ahead });
    }
    if (plan !== undefined && !hadRoom) reader.readahead.shrink(plan.stream);
  }

  /**
   * A stream that is longer than the memory would evict everything, and itself before it is read again: what
   * it has read is dropped at once. So the same memory, still in the processor's caches, is filled again. The
   * kernel keeps the pages anyway. What cannot be fetched by range is kept as long as there is room.
   */
  #leaveBehind(stream: ReadStream, acquired: readonly Block[], offset: number, end: number): void {
    const { pool, blockBytes } = this.blocks;
    if (stream.passedBytes < pool.limitBytes * SCAN_SHARE || !(this.#downloader instanceof Ranged)) return;
    for (const block of acquired) {
      const start = block.index * blockBytes;
      if (start >= offset && start + blockBytes <= end) pool.drop(block);
    }
  }

  /** Once for each handle. */
  #noteStale(reader: Reader): void {
    if (reader.isStale === true) return;
    reader.isStale = true;
    this.blocks.pool.activity.staleHandles += 1;
  }

  #cutToSize(end: number): number {
    return Math.min(end, this.#size ?? Infinity);
  }
}

interface ReadDemand {
  readonly needed: BlockRun;
  readonly holder: Holder;
  readonly reader: Reader;
  /** Undefined: it is not read ahead again. */
  readonly plan: ReadaheadPlan | undefined;
  readonly readsAll: boolean;
  readonly isStalled: boolean;
}

function runOf({ blockBytes }: VersionBlocks, start: number, end: number): BlockRun {
  return { first: Math.floor(start / blockBytes), end: Math.ceil(end / blockBytes) };
}
