/**
 * The blocks of one version that are on disk: reads them when they are demanded, and writes those that the source brought, behind
 * the reads. What is more than `DirtyBytes` allow is not stored, so that a slow disk never delays a reader.
 */
import type { Block } from './block.js';
import type { BlockMemory } from './block-memory.js';
import type { BlockRun } from './block-provider.js';
import { checksumOf } from '../checksum.js';
import type { DirtyBytes } from './dirty-bytes.js';
import type { CheckedBlock, StoredVersion } from './disk/disk-cache.js';
import type { WriteBehindQueue } from './write-behind-queue.js';
import type { VersionBlocks } from './version-blocks.js';

const MAX_READ_BYTES = 4 * 1024 * 1024;
/** Of the memory: what waits for it is read even if its reader gave up, when it may be the only one that is granted. */
const MAX_READ_SHARE = 1 / 4;
/**
 * Each write waits for several replies of the system, between which the process does other things: where a source is as fast
 * as the disk, writes of 32 MiB fell behind, and a tenth of 2 GiB was not stored.
 */
const MAX_WRITE_BYTES = 128 * 1024 * 1024;
/** A version that waits for its one short block to be written: its objects, and at most half of this in bytes. */
const MIN_DIRTY_BYTES = 16 * 1024;
/** So much is not worth waiting for more, or this part of what may wait. */
const FULL_BYTES = 32 * 1024 * 1024;
const FULL_SHARE = 1 / 4;

export interface StoredBlocksContext {
  readonly blocks: VersionBlocks;
  readonly memory: BlockMemory;
  readonly sizeBytes: number;
  /** Shared by all versions: how much is held to be written. */
  readonly dirty: DirtyBytes;
  readonly queue: WriteBehindQueue;
  /** Opens what nothing is stored of yet. */
  readonly open: () => Promise<StoredVersion | undefined>;
}

export class StoredBlocks {
  readonly #context: StoredBlocksContext;
  /** Undefined: nothing is stored, and nothing was written yet. */
  #stored: StoredVersion | undefined;
  #unwritten: Unwritten[] = [];
  #writing: Promise<void> | undefined;
  #whenFlushed: Promise<void> | undefined;
  #isClosed = false;
  #isDropped = false;

  constructor(stored: StoredVersion | undefined, context: StoredBlocksContext) {
    this.#stored = stored;
    this.#context = context;
  }

  get storedBytes(): number {
    return this.#stored?.storedBytes ?? 0;
  }

  has(index: number): boolean {
    return this.#stored?.has(index) === true;
  }

  /** It is needed, though not read now: others are evicted first. */
  noteUse(): void {
    this.#stored?.noteUse();
  }

  localFd(): number | undefined {
    return this.#stored?.localFd();
  }

  /** Begins to read what is on disk of a run; beyond `neededEnd` only as memory allows. False: it did not. */
  demand({ first, end }: BlockRun, neededEnd: number): boolean {
    const { blocks, memory } = this.#context;
    const maxBytes = Math.min(MAX_READ_BYTES, memory.limitBytes * MAX_READ_SHARE);
    const maxBlocks = Math.max(1, Math.floor(maxBytes / blocks.blockBytes));
    for (let index = first; index < end; index += 1) {
      if (!this.#isReadable(index)) continue;
      let last = index + 1;
      while (last < end && last - index < maxBlocks && this.#isReadable(last)) last += 1;
      const isNeeded = index < neededEnd;
      const isReserved = memory.tryReserve(last - index);
      if (!isReserved && !isNeeded) return false;
      const run = isReserved ? { first: index, end: last } : { first: index, end: Math.min(last, neededEnd) };
      void this.#read(run, isReserved);
      index = last - 1;
    }
    return true;
  }

  /** The source brought a block. */
  store(block: Block): void {
    // One that is held is being stored already, by an earlier opening of the version.
    if (this.#isClosed || block.writers > 0 || this.has(block.index)) return;
    const { dirty, queue } = this.#context;
    if (!dirty.tryAdd(this.#dirtyBytesOf(block))) {
      this.#context.memory.activity.unstoredBytes += block.visibleBytes;
      return;
    }
    this.#context.memory.acquireForWriter(block);
    // Now, while the bytes that have just arrived are in the processor's caches.
    const checksum = checksumOf(bytesOf(block));
    this.#unwritten.push({ block, checksum });
    if (this.#isMuch()) {
      this.#flush();
      return;
    }
    queue.noteActivity();
    if (dirty.isPressing) queue.flush();
    this.#flushLater();
  }

  #isMuch(): boolean {
    const { blocks, dirty } = this.#context;
    const bytes = this.#unwritten.length * blocks.blockBytes;
    return bytes > 0 && bytes >= Math.min(FULL_BYTES, dirty.maxBytes * FULL_SHARE);
  }

  /** Resolves when what waits now is written, or was tried. */
  async flush(): Promise<void> {
    // That may have begun without it.
    await this.#writing;
    this.#flush();
    await this.#writing;
  }

  /** What is not stored yet is of no use, or must not take any more time. */
  drop(): void {
    this.#isDropped = true;
  }

  /** Resolves when everything is written. What is handed over later is not stored. */
  async close(): Promise<void> {
    this.#isClosed = true;
    // No block brings the files of an empty one into being.
    if (this.#context.sizeBytes === 0) this.#flushLater();
    await this.#whenFlushed;
    // A write that is just ending does not take what is left.
    do {
      this.#flush();
      await this.#writing;
    } while (this.#unwritten.length > 0);
    // If all of it is there now, that is noted, so that the next run can hand it to the kernel at once.
    if (!this.isSmall) this.#stored?.localFd();
    this.#stored?.close();
  }

  /** One block, or none: storing it costs more than fetching it did. */
  get isSmall(): boolean {
    return this.#context.sizeBytes <= this.#context.blocks.blockBytes;
  }

  #flushLater(): void {
    this.#whenFlushed ??= this.#context.queue.run(async () => {
      this.#whenFlushed = undefined;
      if (this.#context.sizeBytes === 0) await this.#opened();
      // That may end while there is little, and leave it to this.
      await this.#writing;
      this.#flush();
      await this.#writing;
    });
  }

  async #opened(): Promise<StoredVersion | undefined> {
    if (this.#stored === undefined && !this.#isDropped) this.#stored = await this.#context.open();
    return this.#stored;
  }

  #isReadable(index: number): boolean {
    return this.#context.blocks.isMissing(index) && this.has(index);
  }

  async #read({ first, end }: BlockRun, isReserved: boolean): Promise<void> {
    const { blocks, memory } = this.#context;
    const claimed: Block[] = [];
    for (let index = first; index < end; index += 1) claimed.push(blocks.claim(index));
    if (!isReserved) await memory.reserve(claimed.length);
    const targets = claimed.map((block) => {
      block.memory = memory.take();
      return block.memory.subarray(0, this.#bytesOf(block.index));
    });
    const areRight = (await this.#stored?.read(first, targets)) ?? [];
    for (const [i, block] of claimed.entries()) {
      if (areRight[i] === true) blocks.complete(block, this.#bytesOf(block.index), 'disk');
      else this.#miss(block);
    }
  }

  /** A waiting read requests it again, from the source. */
  #miss(block: Block): void {
    this.#context.memory.discard(block);
    this.#context.blocks.fail(block);
  }

  #dirtyBytesOf({ memory }: Block): number {
    return Math.max(memory?.byteLength ?? 0, Math.min(MIN_DIRTY_BYTES, this.#context.blocks.blockBytes));
  }

  #bytesOf(index: number): number {
    const { blocks, sizeBytes } = this.#context;
    return Math.min(blocks.blockBytes, sizeBytes - index * blocks.blockBytes);
  }

  /** Begins to write what is here, and then what came meanwhile, if it is much. */
  #flush(): void {
    // Not in this step: what it begins with may come here again.
    this.#writing ??= Promise.resolve()
      .then(() => this.#writeAll())
      .finally(() => {
        this.#writing = undefined;
        if (this.#isDue()) this.#flush();
        // What was much when it came may not be so now, where others have left more room.
        else if (this.#unwritten.length > 0) this.#flushLater();
      });
  }

  #isDue(): boolean {
    return this.#isMuch() || (this.#isClosed && this.#unwritten.length > 0);
  }

  async #writeAll(): Promise<void> {
    do {
      const sorted = this.#unwritten.toSorted((a, b) => a.block.index - b.block.index);
      this.#unwritten = [];
      const batchBlocks = Math.max(1, Math.floor(MAX_WRITE_BYTES / this.#context.blocks.blockBytes));
      for (let at = 0; at < sorted.length; at += batchBlocks) {
        await this.#write(sorted.slice(at, at + batchBlocks));
      }
    } while (this.#isDue());
  }

  async #write(batch: readonly Unwritten[]): Promise<void> {
    const { memory, dirty } = this.#context;
    if (!this.#isDropped) {
      const stored = await this.#opened();
      const toBlock = ({ block, checksum }: Unwritten): CheckedBlock => ({
        index: block.index,
        bytes: bytesOf(block),
        checksum,
      });
      // A disk that falls behind is helped by the page cache.
      await stored?.write(batch.map(toBlock), dirty.isPressing ? 'cached' : 'direct');
    }
    for (const { block } of batch) {
      dirty.subtract(this.#dirtyBytesOf(block));
      memory.releaseFromWriter(block);
    }
  }
}

/** A block that waits to be written. */
interface Unwritten {
  readonly block: Block;
  readonly checksum: number;
}

function bytesOf(block: Block): Uint8Array {
  return block.memory?.subarray(0, block.visibleBytes) ?? new Uint8Array();
}
