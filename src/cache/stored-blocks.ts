/**
 * The blocks of one version that are on disk: reads them when they are demanded, and writes those that the source brought, behind
 * the reads. What is more than `WriteBehind` allows is not stored, so that a slow disk never delays a reader.
 */
import { checksumOf } from '../checksum.js';
import type { ContentDigest } from '../source/index.js';
import type { Block } from './blocks/block.js';
import { type BlockRun, NO_BLOCKS, type VersionBlocks } from './blocks/version-blocks.js';
import type { CheckedBlock, StoredVersion } from './disk/disk-cache.js';
import type { WriteBehind, Writer } from './write-behind.js';

const MAX_READ_BYTES = 4 * 1024 * 1024;
/** So much is not worth waiting for more, or this part of what may wait. */
const FULL_BYTES = 32 * 1024 * 1024;
const FULL_SHARE = 1 / 4;

export interface StoredBlocksContext {
  readonly blocks: VersionBlocks;
  readonly sizeBytes: number;
  /** Shared by all versions. */
  readonly behind: WriteBehind;
  /** Opens what nothing is stored of yet. */
  readonly open: () => Promise<StoredVersion | undefined>;
}

/** A block that waits to be written. */
interface Unwritten {
  readonly block: Block;
  readonly checksum: number;
}

export class StoredBlocks implements Writer {
  readonly #context: StoredBlocksContext;
  /** Undefined: nothing is stored, and nothing was written yet. */
  #stored: StoredVersion | undefined;
  #unwritten: Unwritten[] = [];
  /** The last write, and one that has not begun yet. */
  #lastWrite: Promise<void> = Promise.resolve();
  #nextWrite: Promise<void> | undefined;
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

  learnDigest(digest: ContentDigest): void {
    this.#stored?.learnDigest(digest);
  }

  localFd(): number | undefined {
    return this.#stored?.localFd();
  }

  /** One block, or none: storing it costs more than fetching it did. */
  get isSmall(): boolean {
    return this.#context.sizeBytes <= this.#context.blocks.blockBytes;
  }

  /** Begins to read what is on disk of a run; beyond `needed` only as memory allows. False: it did not. */
  demand({ first, end }: BlockRun, needed: BlockRun = NO_BLOCKS): boolean {
    const { blocks } = this.#context;
    const maxBlocks = Math.max(1, Math.floor(MAX_READ_BYTES / blocks.blockBytes));
    for (let index = first; index < end; index += 1) {
      if (!this.#isReadable(index)) continue;
      let last = index + 1;
      while (last < end && last - index < maxBlocks && this.#isReadable(last)) last += 1;
      const begun = blocks.begin({ first: index, end: last }, needed, this, 'disk');
      for (const block of begun) blocks.pool.acquire(block);
      if (begun.length > 0) void this.#read(begun);
      if (begun.length < last - index) return false;
      index = last - 1;
    }
    return true;
  }

  /** The source brought a block; with its checksum, if that is known. */
  store(block: Block, checksum?: number): void {
    // One that has a writer is being stored already, by an earlier opening of the version.
    if (this.#isClosed || block.writers > 0 || this.has(block.index)) return;
    const { blocks, behind } = this.#context;
    if (!behind.tryAdd(blocks.blockBytes)) {
      blocks.pool.activity.unstoredBytes += block.visibleBytes;
      return;
    }
    blocks.pool.acquireForWriter(block);
    this.#unwritten.push({ block, checksum: checksum ?? checksumOf(block.visible) });
    const bytes = this.#unwritten.length * blocks.blockBytes;
    // Single blocks of many small files are written together.
    if (this.#unwritten.length > 1 && bytes >= Math.min(FULL_BYTES, behind.shareBytes * FULL_SHARE)) {
      void this.write();
      return;
    }
    behind.noteActivity();
    void behind.add(this);
  }

  write(): Promise<void> {
    // What has not begun yet takes all that comes until then.
    if (this.#nextWrite === undefined) {
      this.#nextWrite = this.#lastWrite.then(() => {
        this.#nextWrite = undefined;
        return this.#writeAll();
      });
      this.#lastWrite = this.#nextWrite;
    }
    return this.#nextWrite;
  }

  /** What is not stored yet is of no use, or must not take any more time. */
  drop(): void {
    this.#isDropped = true;
  }

  /** Resolves when everything is written. What is handed over later is not stored. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // No block brings the files of an empty one into being.
    if (this.#unwritten.length > 0 || this.#context.sizeBytes === 0) await this.#context.behind.add(this);
    await this.#lastWrite;
    // If all of it is there now, that is noted, so that the next run can hand it to the kernel at once.
    if (!this.isSmall) this.#stored?.localFd();
    this.#stored?.close();
  }

  async #opened(): Promise<StoredVersion | undefined> {
    if (this.#stored === undefined && !this.#isDropped) this.#stored = await this.#context.open();
    return this.#stored;
  }

  #isReadable(index: number): boolean {
    return this.#context.blocks.isMissing(index) && this.has(index);
  }

  /** A reader of what is not right requests it again, from the source. */
  async #read(begun: readonly Block[]): Promise<void> {
    const { blocks } = this.#context;
    const targets = begun.map(({ index, memory }) => memory.subarray(0, this.#bytesOf(index)));
    const areRight = (await this.#stored?.read(begun[0]?.index ?? 0, targets)) ?? [];
    for (const [i, block] of begun.entries()) {
      if (areRight[i] === true) blocks.completeBlock(block, this.#bytesOf(block.index));
      else {
        blocks.fail(block);
        blocks.pool.release(block);
      }
    }
  }

  #bytesOf(index: number): number {
    const { blocks, sizeBytes } = this.#context;
    return Math.min(blocks.blockBytes, sizeBytes - index * blocks.blockBytes);
  }

  async #writeAll(): Promise<void> {
    const { blocks, behind, sizeBytes } = this.#context;
    const batch = this.#unwritten.toSorted((a, b) => a.block.index - b.block.index);
    this.#unwritten = [];
    const toBlock = ({ block, checksum }: Unwritten): CheckedBlock => ({
      index: block.index,
      bytes: block.visible,
      checksum,
    });
    const isNeeded = (batch.length > 0 || sizeBytes === 0) && !this.#isDropped;
    const stored = isNeeded ? await this.#opened() : undefined;
    // A disk that falls behind is helped by the page cache.
    if (batch.length > 0) await stored?.write(batch.map(toBlock), behind.isPressing ? 'cached' : 'direct');
    for (const { block } of batch) {
      behind.subtract(blocks.blockBytes);
      blocks.pool.releaseFromWriter(block);
    }
  }
}
