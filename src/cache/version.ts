import { type CorruptError, type Response, SourceError, type SourceErrorCode } from '../source/index.js';
import type { Block } from './blocks/block.js';
import type { Attempt } from './blocks/block-pool.js';
import type { MemoryShares } from './blocks/memory-shares.js';
import type { BlockRun, VersionBlocks } from './blocks/version-blocks.js';
import type { Download, DownloadContext, Downloader, Holder } from './download/downloader.js';
import type { PeerSource } from './download/peer-source.js';
import { Ranged } from './download/ranged.js';
import { Sequential } from './download/sequential.js';
import type { FileMetadata } from './file-metadata.js';
import { isLikelyToReadAll, type Readahead, type ReadaheadPlan, type ReadStream } from './readahead.js';
import type { ReadOptions, Sink } from './resource-cache.js';
import type { StoredBlocks } from './stored-blocks.js';

export interface VersionContext {
  readonly blocks: VersionBlocks;
  readonly shares: MemoryShares;
  readonly probeBytes: number;
  readonly download: Download;
  readonly peers: PeerSource | undefined;
  /** Whether what the source brings is stored, once it is known what is on disk. */
  readonly isStored: boolean;
  readonly onSize: (size: number) => void;
  /** The source has another version by now, or serves none. */
  readonly onChanged: () => void;
  /** All bytes came, and do not have the digest that the source gives. */
  readonly onCorrupt: (error: CorruptError) => void;
  /** Nothing is open and nothing in flight any more. */
  readonly onIdle: () => void;
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
 * One version of one file, while it is read: its blocks come from memory, from disk, or from its downloader. Shared by all handles,
 * which is what makes fetches single-flight.
 */
export class Version {
  readonly file: FileMetadata;
  readonly blocks: VersionBlocks;
  readonly #context: VersionContext;
  readonly #downloader: Downloader;
  #size: number | undefined;
  #stored: StoredBlocks | undefined;
  #handles = 0;
  #uid: number | undefined;
  #corrupt: CorruptError | undefined;

  constructor(file: FileMetadata, context: VersionContext) {
    this.file = file;
    this.blocks = context.blocks;
    this.#context = context;
    this.#size = file.size;
    this.blocks.share = context.shares.acquire(this.blocks.key.resource, undefined);
    const downloadContext: DownloadContext = {
      url: context.blocks.key.resource,
      blocks: context.blocks,
      digest: file.digest,
      download: context.download,
      peers: context.peers,
      isStored: () => context.isStored,
      onCorrupt: (error) => this.setCorrupt(error),
      onIdle: () => this.#reportIdle(),
    };
    this.#downloader =
      file.supportRange && file.size !== undefined
        ? new Ranged(downloadContext, file.size)
        : new Sequential(downloadContext, file.size, (size) => {
            this.#size = size;
            context.onSize(size);
          });
  }

  /** What is on disk is looked for first from now on, and what the source brings is stored. */
  attach(stored: StoredBlocks): void {
    this.#stored = stored;
  }

  /** Undefined: what is on disk is not known yet, or nothing is to be stored. */
  get stored(): StoredBlocks | undefined {
    return this.#stored;
  }

  /** A descriptor of the complete local copy, valid while a handle is open. */
  get localFd(): number | undefined {
    return this.#stored?.localFd();
  }

  /** Bytes that need not be fetched. */
  get cachedBytes(): number {
    return Math.max(this.blocks.cachedBytes, this.#stored?.storedBytes ?? 0);
  }

  get size(): number | undefined {
    return this.#size;
  }

  /** Several have it open. */
  get isShared(): boolean {
    return this.#handles > 1;
  }

  get isIdle(): boolean {
    return this.#handles === 0 && !this.#downloader.isBusy;
  }

  /** Takes over the body of a probe. */
  fill(response: Response): void {
    this.#downloader.fill(response, this.#context.probeBytes);
  }

  /** Whether a body is kept ready though no handle is open, and no read waits for it. */
  get isParked(): boolean {
    const downloader = this.#downloader;
    return (
      this.#handles === 0 && downloader instanceof Sequential && downloader.isBusy && !downloader.isAwaited
    );
  }

  /** `Sequential.isLong`. */
  async isLong(waitMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#downloader instanceof Sequential && (await this.#downloader.isLong(waitMs, signal));
  }

  /** The user for whom it downloads, who opened it last, where users are distinguished. */
  get uid(): number | undefined {
    return this.#uid;
  }

  retain(uid: number | undefined): void {
    this.#handles += 1;
    if (uid !== this.#uid) this.#countTo(uid);
    this.#downloader.setInUse(true);
  }

  /** What is used of it counts to the share of this user from now on. */
  #countTo(uid: number | undefined): void {
    this.#uid = uid;
    const before = this.blocks.share;
    this.blocks.share = this.#context.shares.acquire(this.blocks.key.resource, uid);
    before?.release();
  }

  /** It is not used any more. */
  end(): void {
    this.blocks.share?.release();
    this.blocks.share = undefined;
  }

  release(reader?: Reader): void {
    this.#handles -= 1;
    for (const holder of reader?.readahead.holders ?? []) this.#downloader.release(holder);
    if (this.#handles === 0) this.#downloader.setInUse(false);
    this.#reportIdle();
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#downloader.whenSizeKnown(signal);
  }

  close(): void {
    this.#downloader.close();
  }

  /** Nothing of it is read any more. */
  setCorrupt(error: CorruptError): void {
    if (this.#corrupt !== undefined) return;
    this.#corrupt = error;
    this.#context.onCorrupt(error);
  }

  throwIfCorrupt(): void {
    if (this.#corrupt !== undefined) throw this.#corrupt;
  }

  /** What is forbidden by now is not served from what is stored either. */
  noteFailure(error: unknown): void {
    if (error instanceof SourceError && VOIDING.has(error.code)) this.#context.onChanged();
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
          acquired = this.#take(needed, hasRoom, () => this.#demand(demand));
          return acquired !== undefined;
        };
        if (!pool.tryTake(attempt, blocks.share)) {
          await pool.wait(attempt, blocks.share, key.resource, options?.signal);
        }
        try {
          if (acquired !== undefined && (await areVisible(acquired, end, options))) {
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
      this.#downloader.release(holder);
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
    return this.#take(
      run,
      (slots) => pool.hasRoomAhead(slots),
      () => {
        if (!isInOrder) pool.promise(0);
        downloader.demand(demand);
      },
    );
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

  /** Acquires all blocks of a run, those that are missing by `begin`; nothing, and undefined, if there is no room. */
  #take(run: BlockRun, hasRoom: (slots: number) => boolean, begin: () => void): readonly Block[] | undefined {
    const { blocks } = this;
    const { pool } = blocks;
    let [missing, evictable] = [0, 0];
    for (let index = run.first; index < run.end; index += 1) {
      const block = blocks.get(index);
      if (block === undefined) missing += 1;
      else if (pool.isEvictable(block)) evictable += 1;
    }
    if (missing > 0 && !hasRoom(missing + evictable)) return undefined;
    const acquired = new Map<number, Block>();
    const acquire = (): void => {
      for (let index = run.first; index < run.end; index += 1) {
        const block = acquired.has(index) ? undefined : blocks.get(index);
        if (block === undefined) continue;
        pool.acquire(block);
        acquired.set(index, block);
      }
    };
    // First what is here, which must not be evicted for what is begun.
    acquire();
    pool.promise(missing);
    begin();
    pool.promise(0);
    acquire();
    return [...acquired.values()].toSorted((a, b) => a.index - b.index);
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
    let hadRoom = this.#stored?.demand(run, needed) ?? true;
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
        (this.#stored?.demand(region) ?? true) &&
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

  #reportIdle(): void {
    if (this.isIdle) this.#context.onIdle();
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

/** Resolves to whether all bytes up to `end` are there; false: a block is gone. */
async function areVisible(blocks: readonly Block[], end: number, options?: ReadOptions): Promise<boolean> {
  for (;;) {
    // The last one is usually the last to come.
    const absent = blocks.findLast((block) => !block.has(bytesBefore(block, end)));
    if (absent === undefined) return true;
    if (!(await absent.whenVisible(bytesBefore(absent, end), options?.signal))) return false;
  }
}

/** What a read up to `end` needs of a block. */
function bytesBefore({ index, memory }: Block, end: number): number {
  return Math.min(end - index * memory.byteLength, memory.byteLength);
}
