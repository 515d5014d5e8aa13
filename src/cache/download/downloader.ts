import type { BlockRun, VersionBlocks } from '../blocks/version-blocks.js';
import type { ContentDigest, CorruptError, Promotion, Response } from '../../source/index.js';
import type { PeerSource } from './peer-source.js';

/** Something that needs fetches to go on: a waiting read, or a handle that reads ahead. */
export type Holder = object;

/** What a read needs. */
export interface Demand {
  /** Its blocks. The pool has promised slots for those of them that are missing. */
  readonly needed: BlockRun;
  /** What lies up to here is likely to be needed next. */
  readonly aheadEnd: number;
  readonly reader: Holder;
  /** Holds what is fetched ahead. */
  readonly ahead: Holder;
}

/** Brings the blocks of one version. Two kinds: by range, and by one download from the start. */
export interface Downloader {
  /**
   * Begins every block of `needed` that is missing, and what it sees fit of those ahead. What it begins or joins goes on as long
   * as a holder holds it. Returns false when memory did not allow to read ahead.
   */
  demand(demand: Demand): boolean;
  /** How much to fetch ahead of a sequential reader at most. */
  readonly maxAheadBytes: number;
  /** The holder needs nothing more: fetches that no other holds are cancelled. */
  release(holder: Holder): void;
  /** Takes over the body of a probe, which begins at byte 0. */
  fill(response: Response, probeBytes: number): void;
  /** Waits for the size. */
  whenSizeKnown(signal?: AbortSignal): Promise<number>;
  /** Whether anything is in flight or kept ready. */
  readonly isBusy: boolean;
  /** No handle is open any more (false) or one is again (true). */
  setInUse(inUse: boolean): void;
  close(): void;
}

/** What a downloader works with. */
export interface DownloadContext {
  readonly url: string;
  readonly blocks: VersionBlocks;
  /** Of all bytes, where the source gives one: if not before, with the response to a download. */
  readonly digest: () => ContentDigest | undefined;
  /** Downloads of the version; `ChangedError` when the source has another one. */
  readonly download: Download;
  /** Undefined: all comes from the source. */
  readonly peers: PeerSource | undefined;
  /** Whether a checksum is of use for each block that comes. */
  readonly isStored: boolean;
  /** All bytes came, and do not have the digest. */
  readonly onCorrupt: (error: CorruptError) => void;
  /** Called when `isBusy` may have become false. */
  readonly onIdle: () => void;
}

/** With a `promotion` that has not happened, it is readahead. */
export type Download = (
  range: { start: number; end: number } | undefined,
  promotion: Promotion | undefined,
  signal: AbortSignal,
) => Promise<Response>;
