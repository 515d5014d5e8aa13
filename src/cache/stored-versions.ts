import { CorruptError } from '../source/index.js';
import type { BlockPool } from './blocks/block-pool.js';
import type {
  ConfirmedFacts,
  DiskCache,
  DiskReport,
  DiskRoom,
  StoredFacts,
  StoredVersion,
} from './disk/disk-cache.js';
import type { FileMetadata } from './file-metadata.js';
import { StoredBlocks } from './stored-blocks.js';
import type { Version } from './version.js';
import { WriteBehind } from './write-behind.js';
import { mapKeyOf } from './version-identity.js';

/**
 * At most this share of the memory is held to be written to disk. Readahead is given none when half of it is
 * taken: a slow disk slows readahead down, and then blocks are not stored, but no reader waits for it.
 */
const MAX_DIRTY_SHARE = 3 / 4;
/** Of many readers each is left the memory for a request of the kernel, down to this share of what waits. */
const MIN_DIRTY_SHARE = 1 / 4;
const READER_BYTES = 1024 * 1024;

/** So long the end of a mount waits for small files that are not stored yet. */
const CLOSE_LIMIT_MS = 2_000;

/** Which versions are open on disk: those that are read. Without a disk cache it does nothing. */
export class StoredVersions {
  readonly #disk: DiskCache | undefined;
  readonly #behind: WriteBehind;
  /** Those that are not closed, by resource and version. */
  readonly #attached = new Map<string, StoredBlocks>();
  readonly #opening = new Map<Version, Promise<StoredBlocks | undefined>>();
  readonly #closing = new Set<Promise<void>>();

  constructor(disk: DiskCache | undefined, memory: BlockPool) {
    this.#disk = disk;
    this.#behind = new WriteBehind(() => dirtyLimit(memory));
  }

  /**
   * Looks for the version of a reader on disk, and attaches it when it is found. What is certainly not there is
   * attached at once, and opened when there is something to store.
   */
  open(reader: Version): void {
    const disk = this.#disk;
    const facts = factsOf(reader.file);
    if (disk === undefined || facts === undefined) return;
    this.#behind.noteActivity();
    const { key } = reader.blocks;
    const { digest } = reader.file;
    const onCorrupt = (found: string): void => {
      if (digest !== undefined) reader.setCorrupt(new CorruptError(key.resource, digest, found));
    };
    // What is being stored for an earlier opening is not in the catalogue yet.
    if (disk.mayHave(key.resource) || this.#attached.has(mapKeyOf(key))) {
      const opening = disk
        .open(key, facts, onCorrupt)
        .then((stored) => stored && this.#attach(reader, facts, () => Promise.resolve(stored), stored));
      this.#opening.set(reader, opening);
    } else {
      const attached = this.#attach(reader, facts, () => disk.open(key, facts, onCorrupt), undefined);
      this.#opening.set(reader, Promise.resolve(attached));
    }
  }

  #attach(
    reader: Version,
    { sizeBytes }: StoredFacts,
    open: () => Promise<StoredVersion | undefined>,
    stored: StoredVersion | undefined,
  ): StoredBlocks {
    const { blocks } = reader;
    const context = { blocks, sizeBytes, behind: this.#behind, open };
    const storedBlocks = new StoredBlocks(stored, context);
    blocks.onComplete = (block, checksum) => storedBlocks.store(block, checksum);
    reader.attach(storedBlocks);
    this.#attached.set(mapKeyOf(blocks.key), storedBlocks);
    // What came before the store was open.
    for (const block of blocks.complete) storedBlocks.store(block);
    return storedBlocks;
  }

  /** Resolves when it is known what is on disk; undefined: it is known already. */
  whenOpen(reader: Version): Promise<unknown> | undefined {
    return reader.stored !== undefined ? undefined : this.#opening.get(reader);
  }

  /** The version is read no more; what is to be written still will be. */
  close(reader: Version): void {
    const opening = this.#opening.get(reader);
    this.#opening.delete(reader);
    if (opening === undefined) return;
    const closing = opening.then((stored) => stored && this.#close(stored, reader));
    void closing.finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async #close(stored: StoredBlocks, { blocks }: Version): Promise<void> {
    await stored.close();
    const key = mapKeyOf(blocks.key);
    if (this.#attached.get(key) !== stored) return;
    this.#attached.delete(key);
    // Blocks outlive their reader, and must not keep all that belongs to it.
    blocks.onComplete = undefined;
  }

  async closeAll(): Promise<void> {
    this.#behind.drain();
    for (const reader of this.#opening.keys()) this.close(reader);
    const limit = setTimeout(() => {
      for (const stored of this.#attached.values()) if (stored.isSmall) stored.drop();
    }, CLOSE_LIMIT_MS);
    await Promise.all(this.#closing);
    clearTimeout(limit);
    await this.#disk?.close();
  }

  /** How much of a version is on disk. */
  async storedBytes(url: string, file: FileMetadata): Promise<number> {
    const facts = factsOf(file);
    if (facts === undefined) return 0;
    const stored = await this.#disk?.open({ resource: url, version: file.version.id }, facts);
    const bytes = stored?.storedBytes ?? 0;
    stored?.close();
    return bytes;
  }

  get report(): DiskReport | undefined {
    return this.#disk?.report;
  }

  /** Resolves when what waits now is written. */
  async flush(): Promise<void> {
    await this.#behind.flush();
  }

  /** Undefined: this process does not write the cache directory. */
  async room(): Promise<DiskRoom | undefined> {
    return await this.#disk?.room();
  }

  get disk(): DiskCache | undefined {
    return this.#disk;
  }

  newest(url: string): Promise<ConfirmedFacts | undefined> | undefined {
    return this.#disk?.mayHave(url) === true ? this.#disk.newest(url) : undefined;
  }

  confirm(url: string, file: FileMetadata): void {
    const facts = factsOf(file);
    if (facts !== undefined) this.#disk?.confirm({ resource: url, version: file.version.id }, facts);
  }

  drop(url: string, old: FileMetadata): void {
    const key = { resource: url, version: old.version.id };
    this.#attached.get(mapKeyOf(key))?.drop();
    this.#disk?.drop(key);
  }
}

function dirtyLimit({ limitBytes, sharers }: BlockPool): number {
  const leftBytes = limitBytes - sharers * READER_BYTES;
  return Math.max(limitBytes * MIN_DIRTY_SHARE, Math.min(limitBytes * MAX_DIRTY_SHARE, leftBytes));
}

/** Undefined: not to be stored. */
function factsOf(file: FileMetadata): StoredFacts | undefined {
  const { version, size, lastModifiedMs, supportRange, isPage, digest } = file;
  if (size === undefined || !version.verifiable || file.usedOtherCredentials === true) return undefined;
  const page = isPage === true ? { isPage } : {};
  return {
    version,
    sizeBytes: size,
    lastModifiedMs,
    supportRange,
    ...page,
    ...(digest === undefined ? {} : { digest }),
  };
}
