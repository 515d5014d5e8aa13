import type { BlockMemory } from './block-memory.js';
import type { ConfirmedFacts, DiskCache, StoredFacts } from './disk/disk-cache.js';
import type { FileMetadata } from './metadata-cache.js';
import { DirtyBytes, StoredBlocks } from './stored-blocks.js';
import type { VersionReader } from './version-reader.js';

/**
 * At most this share of the memory is held to be written to disk. Readahead is given none when half of it is
 * taken: a slow disk slows readahead down, and then blocks are not stored, but no reader waits for it.
 */
const DIRTY_SHARE = 3 / 4;

/** Which versions are open on disk: those that are read. Without a disk cache it does nothing. */
export class StoredVersions {
  readonly #disk: DiskCache | undefined;
  readonly #memory: BlockMemory;
  readonly #dirty: DirtyBytes;
  readonly #opening = new Map<VersionReader, Promise<StoredBlocks | undefined>>();
  readonly #closing = new Set<Promise<void>>();

  constructor(disk: DiskCache | undefined, memory: BlockMemory) {
    this.#disk = disk;
    this.#memory = memory;
    this.#dirty = new DirtyBytes(memory.limitBytes * DIRTY_SHARE);
  }

  /** Looks for the version of a reader on disk, and attaches it when it is found. */
  open(reader: VersionReader): void {
    const facts = factsOf(reader.file);
    if (this.#disk === undefined || facts === undefined) return;
    const { blocks } = reader;
    const opening = this.#disk.open(blocks.key, facts).then((stored) => {
      if (stored === undefined) return undefined;
      const context = { blocks, memory: this.#memory, sizeBytes: facts.sizeBytes, dirty: this.#dirty };
      const storedBlocks = new StoredBlocks(stored, context);
      blocks.onComplete = (block) => storedBlocks.store(block);
      reader.attach(storedBlocks);
      // What came before the store was open.
      for (const block of blocks.cached) storedBlocks.store(block);
      return storedBlocks;
    });
    this.#opening.set(reader, opening);
  }

  /** Resolves when it is known what is on disk. */
  async whenOpen(reader: VersionReader): Promise<void> {
    await this.#opening.get(reader);
  }

  /** The version is read no more; what is to be written still will be. */
  close(reader: VersionReader): void {
    const opening = this.#opening.get(reader);
    this.#opening.delete(reader);
    if (opening === undefined) return;
    const closing = opening.then((stored) => stored?.close()).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }

  async closeAll(): Promise<void> {
    for (const reader of this.#opening.keys()) this.close(reader);
    await Promise.all(this.#closing);
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

  async newest(url: string): Promise<ConfirmedFacts | undefined> {
    return await this.#disk?.newest(url);
  }

  confirm(url: string, file: FileMetadata): void {
    const facts = factsOf(file);
    if (facts !== undefined) this.#disk?.confirm({ resource: url, version: file.version.id }, facts);
  }

  drop(url: string, old: FileMetadata): void {
    this.#disk?.drop({ resource: url, version: old.version.id });
  }
}

/** Undefined: not to be stored. */
function factsOf({ version, size, lastModifiedMs, supportRange }: FileMetadata): StoredFacts | undefined {
  if (size === undefined || !version.verifiable) return undefined;
  return { version, sizeBytes: size, lastModifiedMs, supportRange };
}
