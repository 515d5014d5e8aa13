import { type CorruptError, type Response, SourceError, type SourceErrorCode } from '../source/index.js';
import type { Block } from './block.js';
import type { BlockMemory } from './block-memory.js';
import type { BlockRun, Download, Holder, ProviderContext } from './block-provider.js';
import { copiedRead } from './copied-read.js';
import type { PeerSource } from './peer-source.js';
import type { MemoryShares } from './memory-shares.js';
import type { FileMetadata } from './file-metadata.js';
import { RangedBlocks } from './ranged-blocks.js';
import { isLikelyToReadAll, type Readahead, type ReadStream } from './readahead.js';
import type { ReadOptions, Sink } from './resource-cache.js';
import { SequentialBlocks } from './sequential-blocks.js';
import type { StoredBlocks } from './stored-blocks.js';
import type { VersionBlocks } from './version-blocks.js';

export interface VersionReaderContext {
  readonly blocks: VersionBlocks;
  readonly memory: BlockMemory;
  readonly probeBytes: number;
  readonly download: Download;
  readonly peers: PeerSource | undefined;
  readonly shares: MemoryShares;
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
/** A read whose blocks are evicted this often before it has them all collects copies instead. */
const MAX_LOSSES = 3;
/** A stream that has read this part of the memory is no file that is likely to stay in it. */
const SCAN_SHARE = 1 / 2;

/**
 * Reads one version of one file: blocks come from memory, from what is in flight, or are demanded of the
 * provider. Shared by all handles of the version, which is what makes fetches single-flight.
 */
export class VersionReader {
  readonly file: FileMetadata;
  readonly blocks: VersionBlocks;
  readonly #context: VersionReaderContext;
  readonly #provider: RangedBlocks | SequentialBlocks;
  #size: number | undefined;
  #stored: StoredBlocks | undefined;
  #handles = 0;
  #uid: number | undefined;
  #corrupt: CorruptError | undefined;

  constructor(file: FileMetadata, context: VersionReaderContext) {
    this.file = file;
    this.blocks = context.blocks;
    this.#context = context;
    this.#size = file.size;
    const providerContext: ProviderContext = {
      url: context.blocks.key.resource,
      blocks: context.blocks,
      memory: context.memory,
      digest: file.digest,
      onCorrupt: (error) => this.setCorrupt(error),
      download: context.download,
      peers: context.peers,
      acquireShare: () => context.shares.acquire(context.blocks.key.resource, this.#uid),
      onIdle: () => this.#reportIdle(),
    };
    this.#provider =
      file.supportRange && file.size !== undefined
        ? new RangedBlocks(providerContext, file.size)
        : new SequentialBlocks(providerContext, file.size, (size) => {
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

  get provider(): RangedBlocks | SequentialBlocks {
    return this.#provider;
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
    return this.#handles === 0 && !this.#provider.busy;
  }

  /** Takes over the body of a probe. */
  fill(response: Response): void {
    if (this.#provider instanceof RangedBlocks) this.#provider.fill(response, this.#context.probeBytes);
    else this.#provider.fill(response);
  }

  /** Whether a body is kept ready though no handle is open, and no read waits for it. */
  get isParked(): boolean {
    const provider = this.#provider;
    if (this.#handles > 0 || !(provider instanceof SequentialBlocks)) return false;
    return provider.busy && !provider.isAwaited;
  }

  /** `SequentialBlocks.isLong`. */
  async isLong(waitMs: number, signal?: AbortSignal): Promise<boolean> {
    return this.#provider instanceof SequentialBlocks && (await this.#provider.isLong(waitMs, signal));
  }

  /** The user for whom it downloads, who opened it last, where users are distinguished. */
  get uid(): number | undefined {
    return this.#uid;
  }

  retain(uid: number | undefined): void {
    this.#handles += 1;
    this.#uid = uid;
    this.#provider.setInUse(true);
  }

  release(reader?: Reader): void {
    this.#handles -= 1;
    for (const holder of reader?.readahead.holders ?? []) this.#provider.release(holder);
    if (this.#handles === 0) this.#provider.setInUse(false);
    this.#reportIdle();
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#provider.whenSizeKnown(signal);
  }

  close(): void {
    this.#provider.close();
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
    const block = this.blocks.get(0);
    return block?.memory?.subarray(0, block.visibleBytes) ?? new Uint8Array();
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
    const end = this.#cutToSize(offset + length);
    if (end <= offset) return sink([]);
    const holder: Holder = {};
    let acquired: readonly Block[] = [];
    try {
      const stream = this.#demand(reader, holder, offset, end, options?.readsAll === true);
      for (let losses = 0; losses < MAX_LOSSES;) {
        const absence = this.blocks.lastAbsence(offset, this.#cutToSize(end));
        if (absence === undefined) {
          const result = sink(this.blocks.views(offset, this.#cutToSize(end), options));
          this.#leaveBehind(stream, offset, end);
          return result;
        }
        if (absence.block === undefined) {
          losses += 1;
          this.#demandAgain(offset, end, holder);
          acquired = this.#acquire(offset, end, acquired);
        } else {
          if (acquired.length === 0) acquired = this.#acquire(offset, end, acquired);
          await absence.block.whenVisible(absence.bytes, options?.signal);
        }
      }
      const { memory, blocks } = this.#context;
      const signal = options?.signal;
      return await memory.scratch.use(end - offset, blocks.key.resource, signal, async (buffer) =>
        sink([
          await copiedRead(buffer, {
            blocks,
            offset,
            end: () => this.#cutToSize(end),
            demand: (start, until) => this.#demandAgain(start, until, holder),
            signal,
          }),
        ]),
      );
    } catch (error) {
      this.noteFailure(error);
      if (error instanceof SourceError && error.code === 'CHANGED') this.#noteStale(reader);
      throw error;
    } finally {
      for (const block of acquired) this.#context.memory.releaseFromReader(block);
      this.#provider.release(holder);
    }
  }

  /** Once for each handle. */
  #noteStale(reader: Reader): void {
    if (reader.isStale === true) return;
    reader.isStale = true;
    this.#context.memory.activity.staleHandles += 1;
  }

  /** Keeps what is here, and what will come, from being evicted; `before` is what was kept before. */
  #acquire(offset: number, end: number, before: readonly Block[]): readonly Block[] {
    const { memory } = this.#context;
    const run = this.#runOf(offset, end);
    const acquired: Block[] = [];
    for (let index = run.first; index < run.end; index += 1) {
      const block = this.blocks.get(index);
      if (block === undefined) continue;
      memory.acquireForReader(block);
      acquired.push(block);
    }
    for (const block of before) memory.releaseFromReader(block);
    return acquired;
  }

  #demand(reader: Reader, holder: Holder, offset: number, end: number, readsAll: boolean): ReadStream {
    const needed = this.#runOf(offset, end);
    // What is here already must not be evicted for what is fetched now.
    for (let index = needed.first; index < needed.end; index += 1) {
      const block = this.blocks.get(index);
      if (block?.isComplete === true) this.#context.memory.touch(block);
    }
    const isStalled = this.blocks.lastAbsence(offset, end) !== undefined;
    const plan = reader.readahead.next(offset, end, isStalled, this.#provider.maxAheadBytes);
    // The kernel reads by the handle that was opened first, so that among many each seems to jump about: what
    // one leaves, another is likely to read.
    if (plan.abandoned !== undefined && this.#handles === 1) this.#provider.release(plan.abandoned);
    const aheadEnd = this.#runOf(offset, plan.aheadEnd).end;
    let hadRoom = this.#demandStored({ first: needed.first, end: aheadEnd }, needed.end);
    if (isStalled && this.#provider instanceof RangedBlocks && (readsAll || isLikelyToReadAll(plan.stream)))
      this.#provider.stream({ first: needed.first, end: aheadEnd }, readsAll);
    hadRoom = this.#provider.demand(needed, hadRoom ? aheadEnd : needed.end, holder, plan.ahead) && hadRoom;
    if (plan.region !== undefined) {
      const run = this.#runOf(plan.region.start, this.#cutToSize(plan.region.end));
      hadRoom &&= this.#demandStored(run, run.first) && this.#provider.readAhead(run, plan.ahead);
    }
    if (!hadRoom) reader.readahead.shrink(plan.stream);
    return plan.stream;
  }

  /**
   * A stream that is longer than the memory would evict everything, and itself before it is read again: what
   * it has read is dropped at once. So the same memory, still in the processor's caches, is filled again. The
   * kernel keeps the pages anyway. What cannot be fetched by range is kept as long as there is room.
   */
  #leaveBehind(stream: ReadStream, offset: number, end: number): void {
    const { memory } = this.#context;
    if (stream.passedBytes < memory.limitBytes * SCAN_SHARE || !(this.#provider instanceof RangedBlocks))
      return;
    const { blockBytes } = this.blocks;
    const first = Math.ceil(offset / blockBytes);
    for (let index = first; (index + 1) * blockBytes <= end; index += 1) {
      const block = this.blocks.get(index);
      if (block !== undefined) memory.drop(block);
    }
  }

  #demandAgain(offset: number, end: number, holder: Holder): void {
    const needed = this.#runOf(offset, this.#cutToSize(end));
    this.#demandStored(needed, needed.end);
    this.#provider.demand(needed, needed.end, holder, holder);
  }

  #demandStored(run: BlockRun, neededEnd: number): boolean {
    return this.#stored?.demand(run, neededEnd) ?? true;
  }

  #runOf(start: number, end: number): BlockRun {
    const { blockBytes } = this.blocks;
    return { first: Math.floor(start / blockBytes), end: Math.ceil(end / blockBytes) };
  }

  #cutToSize(end: number): number {
    return Math.min(end, this.#size ?? Infinity);
  }

  #reportIdle(): void {
    if (this.isIdle) this.#context.onIdle();
  }
}
