import type { BlockPool } from './blocks/block-pool.js';
import type { ConfirmedFacts, DiskCache } from './disk/disk-cache.js';
import { factsOf, type FileMetadata } from './file-metadata.js';
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

/** Blocks of a version that is not used any more. */
export interface ClosingBlocks {
  readonly isSmall: boolean;
  readonly whenClosed: Promise<void> | undefined;
  discard(): void;
}

/** What versions are stored with. Without a disk cache it does nothing. */
export class VersionStorage {
  /** Undefined: there is none. */
  readonly disk: DiskCache | undefined;
  readonly behind: WriteBehind;
  /** Of which something is to be written still. */
  readonly closing = new Set<ClosingBlocks>();

  constructor(disk: DiskCache | undefined, pool: BlockPool) {
    this.disk = disk;
    this.behind = new WriteBehind(() => dirtyLimit(pool));
  }

  isStorable(file: FileMetadata): boolean {
    return this.disk !== undefined && factsOf(file) !== undefined;
  }

  /** When all versions are closed, or about to be. */
  async end(): Promise<void> {
    this.behind.drain();
    const limit = setTimeout(() => {
      for (const stored of this.closing) if (stored.isSmall) stored.discard();
    }, CLOSE_LIMIT_MS);
    for (const { whenClosed } of this.closing) await whenClosed;
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

  /** The version that is stored from an earlier run; undefined: none is. */
  newest(url: string): Promise<ConfirmedFacts | undefined> | undefined {
    return this.disk?.mayHave(url) === true ? this.disk.newest(url) : undefined;
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
