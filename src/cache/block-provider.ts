import type { ContentDigest, CorruptError, Response, Promotion } from '../source/index.js';
import type { BlockMemory } from './block-memory.js';
import type { MemoryShare } from './memory-shares.js';
import type { PeerSource } from './peer-source.js';
import type { VersionBlocks } from './version-blocks.js';

/** Something that needs fetches to go on: a waiting read, or a handle that reads ahead. */
export type Holder = object;

/** Blocks `[first, end)`. */
export interface BlockRun {
  readonly first: number;
  readonly end: number;
}

/** Brings the blocks of one version. Two kinds: by range, and by one download from the start. */
export interface BlockProvider {
  /**
   * Makes sure that every block of `needed` is cached or pending, and begins what it sees fit of the
   * blocks up to `aheadEnd`. What it begins or joins for `needed` goes on as long as `reader` holds it.
   * Returns false when memory did not allow to read ahead.
   */
  demand(needed: BlockRun, aheadEnd: number, reader: Holder, ahead: Holder): boolean;
  /** Begins to fetch a run that no read waits for yet. Returns false when memory did not allow it. */
  readAhead(run: BlockRun, ahead: Holder): boolean;
  /** How much to fetch ahead of a sequential reader at most. */
  readonly maxAheadBytes: number;
  /** The holder needs nothing more: fetches that no one else holds are cancelled. */
  release(holder: Holder): void;
  /** Waits for the size. */
  whenSizeKnown(signal?: AbortSignal): Promise<number>;
  /** Whether anything is in flight or kept ready. */
  readonly busy: boolean;
  /** No handle is open any more (false) or one is again (true). */
  setInUse(inUse: boolean): void;
  close(): void;
}

/** What a provider works with. */
export interface ProviderContext {
  readonly url: string;
  readonly blocks: VersionBlocks;
  readonly memory: BlockMemory;
  /** Of all bytes, where the source gives one. */
  readonly digest: ContentDigest | undefined;
  /** Downloads of the version; `ChangedError` when the source has another one. */
  readonly download: Download;
  /** Undefined: all comes from the source. */
  readonly peers: PeerSource | undefined;
  /** What the memory for what is downloaded now counts to. To be released. */
  readonly acquireShare: () => MemoryShare;
  /** All bytes came, and do not have the digest. */
  readonly onCorrupt: (error: CorruptError) => void;
  /** Called when `busy` may have become false. */
  readonly onIdle: () => void;
}

/** With a `promotion` that has not happened, it is readahead. */
export type Download = (
  range: { start: number; end: number } | undefined,
  promotion: Promotion | undefined,
  signal: AbortSignal,
) => Promise<Response>;
