import { SourceError } from '../source/index.js';
import type { Block } from './blocks/block.js';
import type { BlockRun } from './blocks/version-blocks.js';
import type { Holder } from './download/downloader.js';
import { isLikelyToReadAll, type Readahead, type ReadaheadPlan, type ReadStream } from './readahead.js';
import type { OpenResource, ReadOptions, SavedVersion, Sink } from './resource-cache.js';
import type { Version } from './version.js';
import type { VersionIdentity } from './version-identity.js';

/** A stream that has read this part of the memory is no file that is likely to stay in it. */
const SCAN_SHARE = 1 / 2;

/** What a read lacks, when it is tried. */
interface Demand {
  readonly needed: BlockRun;
  readonly holder: Holder;
  /** Undefined: it is not read ahead again. */
  readonly plan: ReadaheadPlan | undefined;
  readonly isStalled: boolean;
  readonly readsAll: boolean;
}

/** One open of a version: how it is read. */
export class Handle implements OpenResource {
  readonly localFd: number | undefined;
  readonly #version: Version;
  readonly #readahead: Readahead;
  #isOpen = true;
  /** Its version is not to be had any more. */
  #isStale = false;

  /** Of a version that is retained for it. */
  constructor(version: Version, readahead: Readahead) {
    this.#version = version;
    this.#readahead = readahead;
    this.localFd = version.stored.localFd();
  }

  get version(): VersionIdentity {
    return this.#version.identity;
  }

  get saved(): SavedVersion {
    return this.#version.file;
  }

  get size(): number | undefined {
    return this.#version.size;
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#version.downloader.whenSizeKnown(signal);
  }

  head(): Uint8Array {
    return this.#version.blocks.get(0)?.visible ?? new Uint8Array();
  }

  close(): void {
    if (this.#isOpen) this.#version.release(this.#readahead.holders);
    this.#isOpen = false;
  }

  async read<Result>(
    offset: number,
    length: number,
    sink: Sink<Result>,
    options?: ReadOptions,
  ): Promise<Result> {
    const version = this.#version;
    version.throwIfCorrupt();
    const { blocks } = version;
    const holder: Holder = {};
    let plan: ReadaheadPlan | undefined;
    try {
      // Again, with empty hands, when a block is gone without an error: it is requested anew, or lies behind the end.
      for (;;) {
        const end = version.cut(offset + length);
        if (end <= offset) return sink([]);
        const needed = blocks.runOf(offset, end);
        const isStalled = !blocks.has(offset, end);
        const isFirst = plan === undefined;
        plan ??= this.#plan(offset, end, isStalled);
        const readsAll = options?.readsAll === true;
        const demand = { needed, holder, plan: isFirst ? plan : undefined, isStalled, readsAll };
        const begin = (): void => this.#begin(demand);
        const acquired =
          blocks.take(needed, (slots) => blocks.pool.mayTake(slots, blocks.share), begin) ??
          (await blocks.whenTaken(needed, begin, options?.signal));
        try {
          if (acquired.length < needed.end - needed.first) {
            // The size became known while it waited.
            if (end > version.cut(end)) continue;
            throw new Error('a block was not begun');
          }
          if (await areVisible(acquired, end, options)) {
            const sunk = sink(blocks.views(acquired, offset, version.cut(end), options));
            const result = sunk instanceof Promise ? await sunk : sunk;
            this.#leaveBehind(plan.stream, acquired, offset, end);
            return result;
          }
        } finally {
          for (const block of acquired) blocks.pool.release(block);
        }
      }
    } catch (error) {
      version.noteFailure(error);
      if (error instanceof SourceError && error.code === 'CHANGED') this.#noteStale();
      throw error;
    } finally {
      version.releaseHolder(holder);
    }
  }

  #plan(offset: number, end: number, isStalled: boolean): ReadaheadPlan {
    const version = this.#version;
    const plan = this.#readahead.next(offset, end, isStalled, version.downloader.maxAheadBytes);
    // The kernel reads by the handle that was opened first, so that among many each seems to jump about: what
    // one leaves, another is likely to read.
    if (plan.abandoned !== undefined && !version.isShared) version.downloader.release(plan.abandoned);
    return plan;
  }

  /** Begins what is missing of a read, and what its plan says. */
  #begin({ needed, holder, plan, isStalled, readsAll }: Demand): void {
    const { downloader, blocks, stored } = this.#version;
    const aheadEnd = plan === undefined ? needed.end : Math.ceil(plan.aheadEnd / blocks.blockBytes);
    const run = { first: needed.first, end: Math.max(needed.end, aheadEnd) };
    const ahead = plan?.ahead ?? holder;
    let hadRoom = stored.demand(run, needed);
    if (plan !== undefined && isStalled && (readsAll || isLikelyToReadAll(plan.stream)))
      downloader.stream(run, readsAll);
    const end = hadRoom ? run.end : needed.end;
    hadRoom = downloader.demand({ needed, aheadEnd: end, reader: holder, ahead }) && hadRoom;
    if (plan?.region !== undefined) {
      const region = blocks.runOf(plan.region.start, this.#version.cut(plan.region.end));
      const none = { first: region.first, end: region.first };
      hadRoom &&=
        stored.demand(region) &&
        downloader.demand({ needed: none, aheadEnd: region.end, reader: ahead, ahead });
    }
    if (plan !== undefined && !hadRoom) this.#readahead.shrink(plan.stream);
  }

  /**
   * A stream that is longer than the memory would evict everything, and itself before it is read again: what
   * it has read is dropped at once. So the same memory, still in the processor's caches, is filled again. The
   * kernel keeps the pages anyway. What cannot be fetched by range is kept as long as there is room.
   */
  #leaveBehind(stream: ReadStream, acquired: readonly Block[], offset: number, end: number): void {
    const { blocks, downloader } = this.#version;
    const { pool, blockBytes } = blocks;
    if (stream.passedBytes < pool.limitBytes * SCAN_SHARE || !downloader.hasRanges) return;
    for (const block of acquired) {
      const start = block.index * blockBytes;
      if (start >= offset && start + blockBytes <= end) pool.drop(block);
    }
  }

  /** Counted once. */
  #noteStale(): void {
    if (!this.#isStale) this.#version.blocks.pool.activity.staleHandles += 1;
    this.#isStale = true;
  }
}

/** Resolves to whether all bytes up to `end` are there; false: a block is gone without an error. */
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
