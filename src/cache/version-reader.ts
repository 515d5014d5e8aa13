import { type ChangedError, InterruptedError, type Response } from '../source/index.js';
import type { Block, BlockCache, VersionKey } from './block-cache.js';
import type { Holder } from './block-provider.js';
import type { MemoryBudget } from './memory-budget.js';
import type { FileMetadata } from './metadata-cache.js';
import { PendingBlocks } from './pending-blocks.js';
import { RangedBlocks } from './ranged-blocks.js';
import type { Readahead } from './readahead.js';
import { SequentialBlocks } from './sequential-blocks.js';

export interface VersionReaderContext {
  readonly cache: BlockCache;
  readonly budget: MemoryBudget;
  readonly probeBytes: number;
  readonly download: (
    range: { start: number; end: number } | undefined,
    signal: AbortSignal,
  ) => Promise<Response>;
  readonly onSize: (size: number) => void;
  readonly onChanged: (error: ChangedError) => void;
  /** Nothing is open and nothing under way any more. */
  readonly onIdle: () => void;
}

/** Who reads: the state that belongs to one handle. */
export interface Reader {
  readonly readahead: Readahead;
}

/**
 * Reads one version of one file: blocks come from the cache, from what is under way, or are demanded of
 * the provider. Shared by all handles of the version, which is what makes fetches single-flight.
 */
export class VersionReader {
  readonly key: VersionKey;
  readonly file: FileMetadata;
  readonly #context: VersionReaderContext;
  readonly #pending: PendingBlocks;
  readonly #provider: RangedBlocks | SequentialBlocks;
  #size: number | undefined;
  #handles = 0;

  constructor(url: string, file: FileMetadata, context: VersionReaderContext) {
    this.key = { resource: url, version: file.version.id };
    this.file = file;
    this.#context = context;
    this.#size = file.size;
    this.#pending = new PendingBlocks(this.key, file.version, context.cache);
    const providerContext = {
      url,
      blockBytes: context.cache.blockBytes,
      pending: this.#pending,
      budget: context.budget,
      download: context.download,
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

  get size(): number | undefined {
    return this.#size;
  }

  get isIdle(): boolean {
    return this.#handles === 0 && !this.#provider.busy;
  }

  /** Takes over the body of a probe. */
  fill(response: Response): void {
    if (this.#provider instanceof RangedBlocks) this.#provider.fill(response, this.#context.probeBytes);
    else this.#provider.fill(response);
  }

  /** Whether a body is kept ready though no handle is open. */
  get isParked(): boolean {
    return this.#handles === 0 && this.#provider instanceof SequentialBlocks && this.#provider.busy;
  }

  async whenShortBodyRead(waitMs: number): Promise<void> {
    if (this.#provider instanceof SequentialBlocks) await this.#provider.whenShortBodyRead(waitMs);
  }

  retain(): void {
    this.#handles += 1;
    this.#provider.setInUse(true);
  }

  release(reader: Reader): void {
    this.#handles -= 1;
    this.#provider.unhold(reader);
    if (this.#handles === 0) this.#provider.setInUse(false);
    this.#reportIdle();
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#provider.whenSizeKnown(signal);
  }

  close(): void {
    this.#provider.close();
  }

  async read(reader: Reader, offset: number, length: number, signal?: AbortSignal): Promise<Uint8Array[]> {
    const end = Math.min(offset + length, this.#size ?? Infinity);
    if (end <= offset) return [];
    const { blockBytes } = this.#context.cache;
    const needed = { first: Math.floor(offset / blockBytes), end: Math.ceil(end / blockBytes) };
    const aheadEnd = Math.ceil(reader.readahead.next(offset, end) / blockBytes);
    // The blocks are collected before anything is demanded: memory that a fetch takes may evict them.
    const cached: (Block | undefined)[] = [];
    for (let index = needed.first; index < needed.end; index += 1) {
      cached.push(this.#context.cache.get(this.key, index));
    }
    const holder: Holder = {};
    if (!this.#provider.demand(needed, aheadEnd, holder, reader)) reader.readahead.shrink();
    try {
      const blocks = await this.#collect(cached, needed.first, signal);
      return cutToRange(blocks.flat(), offset - needed.first * blockBytes, end - offset);
    } catch (error) {
      if (isChanged(error)) this.#context.onChanged(error);
      throw error;
    } finally {
      this.#provider.unhold(holder);
    }
  }

  async #collect(
    cached: readonly (Block | undefined)[],
    first: number,
    signal: AbortSignal | undefined,
  ): Promise<Block[]> {
    if (cached.every((block) => block !== undefined)) return [...cached];
    const blocks = Promise.all(
      cached.map((block, i) => (block === undefined ? this.#arriving(first + i) : Promise.resolve(block))),
    );
    return await orAborted(blocks, signal, this.key.resource);
  }

  #arriving(index: number): Promise<Block> {
    const block = this.#pending.get(index);
    if (block === undefined) throw new Error(`block ${index} of ${this.key.resource} was not demanded`);
    return block.block;
  }

  #reportIdle(): void {
    if (this.isIdle) this.#context.onIdle();
  }
}

function isChanged(error: unknown): error is ChangedError {
  return error instanceof Error && 'code' in error && error.code === 'CHANGED';
}

/** Views of `[skip, skip + length)` of the pieces laid end to end; less where they end before. */
function cutToRange(pieces: readonly Uint8Array[], skip: number, length: number): Uint8Array[] {
  const views: Uint8Array[] = [];
  let position = -skip;
  for (const piece of pieces) {
    const from = Math.max(0, -position);
    const to = Math.min(piece.byteLength, length - position);
    if (to > from) views.push(from === 0 && to === piece.byteLength ? piece : piece.subarray(from, to));
    position += piece.byteLength;
  }
  return views;
}

function orAborted<Value>(
  work: Promise<Value>,
  signal: AbortSignal | undefined,
  url: string,
): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new InterruptedError(url, signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
