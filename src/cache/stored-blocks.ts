/**
 * The blocks of one version that are on disk, while it is in use and until what came then is stored: reads them when they are
 * demanded, and writes those that the source brought, behind the reads. What is more than `WriteBehind` allows is not stored, so that
 * a slow disk never delays a reader.
 */
import { checksumOf } from '../checksum.js';
import { type ContentDigest, CorruptError } from '../source/index.js';
import type { Block } from './blocks/block.js';
import { type BlockRun, NO_BLOCKS, type VersionBlocks } from './blocks/version-blocks.js';
import type { CheckedBlock, StoredFacts, StoredVersion } from './disk/disk-cache.js';
import { factsOf, type FileMetadata } from './file-metadata.js';
import type { VersionStorage } from './version-storage.js';
import type { Writer } from './write-behind.js';

const MAX_READ_BYTES = 4 * 1024 * 1024;
/** So much is not worth waiting for more, or this part of what may wait. */
const FULL_BYTES = 32 * 1024 * 1024;
const FULL_SHARE = 1 / 4;

/** The version, as far as it is stored. */
export interface StorableVersion {
  readonly blocks: VersionBlocks;
  readonly file: FileMetadata;
  setCorrupt(error: CorruptError): void;
}

/** A block that waits to be written. */
interface Unwritten {
  readonly block: Block;
  readonly checksum: number;
}

export class StoredBlocks implements Writer {
  readonly #version: StorableVersion;
  readonly #storage: VersionStorage;
  readonly #onClosed: () => void;
  /** What it is stored with, from when it is in use until it is closed, or dropped. Undefined: nothing is stored. */
  #facts: StoredFacts | undefined;
  /** Undefined: nothing is stored, or is looked for, and nothing was written yet. */
  #stored: StoredVersion | undefined;
  #opening: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #isInUse = false;
  #unwritten: Unwritten[] = [];
  /** The last write, and one that has not begun yet. */
  #lastWrite: Promise<void> = Promise.resolve();
  #nextWrite: Promise<void> | undefined;

  /** `onClosed`: all is stored, and it was not in use again meanwhile, perhaps. */
  constructor(version: StorableVersion, storage: VersionStorage, onClosed: () => void) {
    this.#version = version;
    this.#storage = storage;
    this.#onClosed = onClosed;
  }

  /** Resolves when it is known what is on disk; undefined: it is known already. */
  get whenOpen(): Promise<void> | undefined {
    return this.#opening;
  }

  /** Resolves when what came in earlier uses is stored; undefined: it is. */
  get whenClosed(): Promise<void> | undefined {
    return this.#closing;
  }

  /** What comes is stored, as far as there is room. */
  get isStoring(): boolean {
    return this.#facts !== undefined;
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
    return (this.#facts?.sizeBytes ?? 0) <= this.#version.blocks.blockBytes;
  }

  /** The version is in use. Looks for it on disk; what is certainly not there is opened when there is something to store. */
  open(): void {
    const { disk, behind } = this.#storage;
    const { blocks, file } = this.#version;
    this.#isInUse = true;
    if (disk === undefined) return;
    this.#facts ??= factsOf(file);
    if (this.#facts === undefined) return;
    behind.noteActivity();
    // What was stored in an earlier use may not be in the catalog yet.
    if (this.#closing === undefined && !disk.mayHave(blocks.key.resource)) {
      this.#storeAll();
      return;
    }
    this.#opening ??= this.#openStored().then(() => {
      this.#opening = undefined;
      this.#storeAll();
    });
  }

  async #openStored(): Promise<void> {
    const { blocks, file } = this.#version;
    const [facts, before] = [this.#facts, this.#stored];
    if (facts === undefined) return;
    const onCorrupt = (found: string): void => {
      const { digest } = this.#version.file;
      if (digest !== undefined)
        this.#version.setCorrupt(new CorruptError(blocks.key.resource, digest, found));
    };
    // Its digest may have come to light since.
    const stored = await this.#storage.disk?.open(blocks.key, factsOf(file) ?? facts, onCorrupt);
    // It was dropped, or opened for what waits to be written.
    if (this.#facts !== facts || this.#stored !== before) {
      stored?.close();
      return;
    }
    before?.close();
    this.#stored = stored;
    if (stored === undefined) this.discard();
    const { digest } = this.#version.file;
    if (digest !== undefined) stored?.learnDigest(digest);
  }

  /** What came before it was open. */
  #storeAll(): void {
    for (const block of this.#version.blocks.complete) this.store(block);
  }

  /** Begins to read what is on disk of a run; beyond `needed` only as memory allows. False: it did not. */
  demand({ first, end }: BlockRun, needed: BlockRun = NO_BLOCKS): boolean {
    if (this.#stored === undefined) return true;
    const { blocks } = this.#version;
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
    // One that has a writer is being stored already.
    if (!this.isStoring || this.#opening !== undefined || block.writers > 0 || this.has(block.index)) return;
    const { blocks } = this.#version;
    const { behind } = this.#storage;
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

  /** The source has another version. What is on disk would be taken for the current one again. */
  drop(): void {
    this.discard();
    this.#storage.drop(this.#version.blocks.key);
  }

  /** What is not being written yet is not stored, nor what comes. */
  discard(): void {
    this.#facts = undefined;
    for (const { block } of this.#unwritten) this.#release(block);
    this.#unwritten = [];
  }

  /** The version is used no more. What is to be written still will be. */
  close(): void {
    this.#isInUse = false;
    if (this.#closing !== undefined || (this.#facts === undefined && this.#stored === undefined)) return;
    const { closing } = this.#storage;
    closing.add(this);
    this.#closing = this.#tryClose().then(() => {
      this.#closing = undefined;
      closing.delete(this);
      // Another use may have begun meanwhile, and ended.
      if (!this.#isInUse) this.close();
      this.#onClosed();
    });
  }

  async #tryClose(): Promise<void> {
    await this.#opening;
    // No block brings the files of an empty one into being.
    if (this.#unwritten.length > 0 || this.#facts?.sizeBytes === 0) await this.#storage.behind.add(this);
    await this.#lastWrite;
    if (this.#isInUse || this.#opening !== undefined || this.#unwritten.length > 0) return;
    // If all of it is there now, that is noted, so that the next run can hand it to the kernel at once.
    if (!this.isSmall) this.#stored?.localFd();
    this.#stored?.close();
    this.#stored = this.#facts = undefined;
  }

  #isReadable(index: number): boolean {
    return this.#version.blocks.isMissing(index) && this.has(index);
  }

  /** A reader of what is not right requests it again, from the source. */
  async #read(begun: readonly Block[]): Promise<void> {
    const { blocks } = this.#version;
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
    const { blocks, file } = this.#version;
    return Math.min(blocks.blockBytes, (file.size ?? 0) - index * blocks.blockBytes);
  }

  async #writeAll(): Promise<void> {
    const batch = this.#unwritten.toSorted((a, b) => a.block.index - b.block.index);
    this.#unwritten = [];
    if (this.#stored === undefined && (batch.length > 0 || this.#facts?.sizeBytes === 0))
      await this.#openStored();
    const toBlock = ({ block, checksum }: Unwritten): CheckedBlock => ({
      index: block.index,
      bytes: block.visible,
      checksum,
    });
    // A disk that falls behind is helped by the page cache.
    const path = this.#storage.behind.isPressing ? 'cached' : 'direct';
    if (batch.length > 0 && this.isStoring) await this.#stored?.write(batch.map(toBlock), path);
    for (const { block } of batch) this.#release(block);
  }

  #release(block: Block): void {
    const { blocks } = this.#version;
    this.#storage.behind.subtract(blocks.blockBytes);
    blocks.pool.releaseFromWriter(block);
  }
}
