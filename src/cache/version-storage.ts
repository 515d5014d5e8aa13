import { CorruptError } from '../source/index.js';
import type { BlockPool } from './blocks/block-pool.js';
import type { VersionBlocks } from './blocks/version-blocks.js';
import type { ConfirmedFacts, DiskCache, DiskRoom, StoredFacts, StoredVersion } from './disk/disk-cache.js';
import type { FileMetadata } from './file-metadata.js';
import { StoredBlocks } from './stored-blocks.js';
import type { VersionKey } from './version-identity.js';
import { WriteBehind } from './write-behind.js';

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

export interface StorableVersion {
  readonly blocks: VersionBlocks;
  readonly file: FileMetadata;
  setCorrupt(error: CorruptError): void;
}

/** What versions are stored with. Without a disk cache it does nothing. */
export class VersionStorage {
  /** Undefined: there is none. */
  readonly disk: DiskCache | undefined;
  readonly #behind: WriteBehind;
  /** Those that are not closed. */
  readonly #open = new Set<StoredBlocks>();
  readonly #closing = new Set<Promise<void>>();

  constructor(disk: DiskCache | undefined, pool: BlockPool) {
    this.disk = disk;
    this.#behind = new WriteBehind(() => dirtyLimit(pool));
  }

  isStorable(file: FileMetadata): boolean {
    return this.disk !== undefined && factsOf(file) !== undefined;
  }

  /**
   * Looks for a version on disk. What is certainly not there is opened when there is something to store. Undefined: it is not to be
   * stored. `isClosing`: what was stored of it by an earlier opening is not in the catalog yet.
   */
  open(
    version: StorableVersion,
    isClosing: boolean,
  ): StoredBlocks | Promise<StoredBlocks | undefined> | undefined {
    const { disk } = this;
    const facts = disk && factsOf(version.file);
    if (disk === undefined || facts === undefined) return undefined;
    this.#behind.noteActivity();
    const { key } = version.blocks;
    const onCorrupt = (found: string): void => {
      const { digest } = version.file;
      if (digest !== undefined) version.setCorrupt(new CorruptError(key.resource, digest, found));
    };
    // Its digest may have come to light since.
    const open = (): Promise<StoredVersion | undefined> =>
      disk.open(key, factsOf(version.file) ?? facts, onCorrupt);
    const opened = (stored: StoredVersion | undefined): StoredBlocks => {
      const context = { blocks: version.blocks, sizeBytes: facts.sizeBytes, behind: this.#behind, open };
      const storedBlocks = new StoredBlocks(stored, context);
      this.#open.add(storedBlocks);
      return storedBlocks;
    };
    if (!isClosing && !disk.mayHave(key.resource)) return opened(undefined);
    return open().then((stored) => stored && opened(stored));
  }

  /** The version is read no more; what is to be written still will be. */
  close(opened: StoredBlocks | Promise<StoredBlocks | undefined>): Promise<void> {
    const closing = this.#close(opened).finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
    return closing;
  }

  async #close(opened: StoredBlocks | Promise<StoredBlocks | undefined>): Promise<void> {
    const stored = await opened;
    if (stored === undefined) return;
    await stored.close();
    this.#open.delete(stored);
  }

  /** When all versions are closed, or about to be. */
  async end(): Promise<void> {
    this.#behind.drain();
    const limit = setTimeout(() => {
      for (const stored of this.#open) if (stored.isSmall) stored.drop();
    }, CLOSE_LIMIT_MS);
    await Promise.all(this.#closing);
    clearTimeout(limit);
    await this.disk?.close();
  }

  /** How much of a version is on disk. */
  async storedBytes(url: string, file: FileMetadata): Promise<number> {
    const facts = factsOf(file);
    if (facts === undefined) return 0;
    const stored = await this.disk?.open({ resource: url, version: file.version.id }, facts);
    const bytes = stored?.storedBytes ?? 0;
    stored?.close();
    return bytes;
  }

  /** Resolves when what waits now is written. */
  async flush(): Promise<void> {
    await this.#behind.flush();
  }

  /** The version that is stored from an earlier run; undefined: none is. */
  newest(url: string): Promise<ConfirmedFacts | undefined> | undefined {
    return this.disk?.mayHave(url) === true ? this.disk.newest(url) : undefined;
  }

  /** Undefined: this process does not write the cache directory. */
  async room(): Promise<DiskRoom | undefined> {
    return await this.disk?.room();
  }

  confirm(url: string, file: FileMetadata): void {
    const facts = this.disk && factsOf(file);
    if (facts !== undefined) this.disk?.confirm({ resource: url, version: file.version.id }, facts);
  }

  /** The source has another version, or none. */
  drop(key: VersionKey): void {
    this.disk?.drop(key);
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
