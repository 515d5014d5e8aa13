/**
 * Blocks of versions on disk, kept from one run to the next. A fault of the store never fails a read: what
 * cannot be read is a miss, what cannot be written is not stored, and the log says why.
 */
import type { ContentDigest } from '../../source/index.js';
import type { Evicted } from '../evicted.js';
import type { UrlSet } from '../url-set.js';
import type { VersionKey } from '../version-identity.js';
import type { VersionIdentity } from '../version-identity.js';

/** What is known of a version; stored with its blocks. */
export interface StoredFacts {
  /** Its `id` is that of the key. A version that is not verifiable is never stored. */
  readonly version: VersionIdentity;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly lastModifiedMs: number | undefined;
  readonly supportRange: boolean;
  /** See `SavedVersion`. */
  readonly permissions?: number | undefined;
  /** `FileMetadata.isPage`. */
  readonly isPage?: true;
  /** Of all its bytes: a complete copy has it. */
  readonly digest?: ContentDigest;
}

/** A stored version, and when the source was last known to have it. */
export interface ConfirmedFacts {
  readonly facts: StoredFacts;
  /** Milliseconds since the epoch. */
  readonly confirmedAtMs: number;
}

export interface DiskReport {
  readonly directory: string;
  readonly limitBytes: number;
  /** Allocated by its files; undefined in a process that reads what another one writes. */
  readonly usedBytes: number | undefined;
  /** Of the file system, when it was last queried. */
  readonly freeBytes: number | undefined;
  /** Of the used ones, what is pinned; undefined in a process that reads what another one writes. */
  readonly pinnedBytes: number | undefined;
  readonly evictedBytes: number;
  /** Blocks whose checksum was wrong. */
  readonly corruptBlocks: number;
}

/** What is stored of a URL, or of all below it, is not evicted for others. */
export interface Pin {
  readonly url: string;
  readonly isRecursive: boolean;
  /** Of the file when it was pinned, where that was known. */
  readonly sizeBytes: number | undefined;
}

/** `files`, `bytes`: what is stored of it; undefined: another process knows. */
export interface PinReport extends Pin {
  readonly files: number | undefined;
  readonly bytes: number | undefined;
}

/** What the store may hold. */
export interface DiskRoom {
  /** All its files, by its limit and by what the file system has free. */
  readonly capacityBytes: number;
  /** Of it, what is stored and pinned. */
  readonly pinnedBytes: number;
  isPinned(url: string): boolean;
  /** What a version of this size takes at most when all of it is stored. */
  chargeOf(sizeBytes: number): number;
}

export interface DiskCache {
  readonly report: DiskReport;
  /** False: certainly nothing is stored of the URL. Does no I/O. */
  mayHave(url: string): boolean;
  /**
   * Opens what is stored of a version: perhaps nothing yet. Undefined when it cannot be stored: the store is
   * off or closed, or the version is not verifiable. Never rejects. `onCorrupt`: a complete copy has this digest instead
   * of that of the facts; called once at the most, while it is open.
   */
  open(
    key: VersionKey,
    facts: StoredFacts,
    onCorrupt?: (found: string) => void,
  ): Promise<StoredVersion | undefined>;
  /**
   * The version of a URL that was confirmed last, in an earlier run too, if anything of it is stored. For
   * revalidation, and for use without the source. Never rejects.
   */
  newest(url: string): Promise<ConfirmedFacts | undefined>;
  /** The source has just confirmed that this is its version. */
  confirm(key: VersionKey, facts: StoredFacts): void;
  /** The source has another version, or none: no read requests this one again. */
  drop(key: VersionKey): void;
  /** Undefined: another process writes the directory. Becomes the writer if none does. Never rejects. */
  room(): Promise<DiskRoom | undefined>;
  /**
   * Removes what is stored of these URLs, and of what is pinned only with `isForced`. Undefined: another process writes the
   * directory, and nothing was removed. Never rejects.
   */
  evict(urls: UrlSet, isForced?: boolean): Promise<Evicted | undefined>;
  /** As all processes that share the directory have them. Rejects with a `PinError`, or the errors of the system. */
  pin(pins: readonly Pin[]): Promise<readonly PinReport[]>;
  /** Those of these URLs; `isRecursive`: and of all below them. Resolves to those that there were. */
  unpin(urls: readonly string[], isRecursive: boolean): Promise<readonly Pin[]>;
  listPins(): Promise<readonly PinReport[]>;
  /** The pin that keeps the URL, as it was known last: `listPins` looks anew. */
  pinOf(url: string): Pin | undefined;
  /**
   * Waits for what is in flight and leaves everything durable. Descriptors that were handed out stay open
   * until their `StoredVersion` is closed. Never rejects.
   */
  close(): Promise<void>;
}

/** A block to be stored. */
export interface CheckedBlock {
  readonly index: number;
  /** As long as the block is in the version. */
  readonly bytes: Uint8Array;
  /** `checksumOf` them. */
  readonly checksum: number;
}

/**
 * `direct`: past the page cache, as far as the system and the length allow, at the speed of the disk. `cached`:
 * by way of the page cache, which takes what comes faster than that.
 */
export type WritePath = 'direct' | 'cached';

/** Indexes count the blocks of the version: block `i` begins at byte `i * blockBytes`. */
export interface StoredVersion {
  /** From memory. A block that is evicted turns false by itself. */
  has(index: number): boolean;
  /** How many bytes of the version are stored. */
  readonly storedBytes: number;
  /** Counts as a read of it, for the order of eviction. */
  noteUse(): void;
  /** The source gives the digest, which was not among the facts. */
  learnDigest(digest: ContentDigest): void;
  /**
   * Reads blocks [first, first + targets.length) into targets, one per block and of its length. Resolves to
   * one boolean per block: whether the target holds the right bytes (by checksum). A block that is wrong or
   * cannot be read is forgotten: `has` turns false. Never rejects.
   */
  read(first: number, targets: readonly Uint8Array[]): Promise<readonly boolean[]>;
  /**
   * Stores blocks, in ascending order. Their bytes stay unchanged until it resolves. False: not all were stored.
   * Never rejects.
   */
  write(blocks: readonly CheckedBlock[], path?: WritePath): Promise<boolean>;
  /**
   * A read-only descriptor of the complete, verified local copy, fit for FUSE passthrough; undefined if there
   * is none, or none yet. Owned by this object and valid until its `close`.
   */
  localFd(): number | undefined;
  close(): void;
}
