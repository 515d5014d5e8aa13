import type { ContentDigest, CorruptError, Response } from '../../source/index.js';
import type { BlockRun, VersionBlocks } from '../blocks/version-blocks.js';
import type { FileMetadata } from '../file-metadata.js';

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
  /** What was dropped can be fetched again by itself. */
  readonly hasRanges: boolean;
  /** What is demanded now comes in its order, by one body. */
  readonly isStreamed: boolean;
  /** How much to fetch ahead of a sequential reader at most. */
  readonly maxAheadBytes: number;
  /** Whether anything is in flight or kept ready. */
  readonly isBusy: boolean;
  /** Whether a body is kept ready that no caller waits for. */
  readonly isParked: boolean;
  /**
   * Begins every block of `needed` that is missing, and what it sees fit of those ahead. What it begins or joins goes on as long
   * as a holder holds it. Returns false when memory did not allow to read ahead.
   */
  demand(demand: Demand): boolean;
  /**
   * Begins a stream by a cluster for a reader that is likely to read on from the start of a run, if something of it is missing;
   * `isPrefetch`: all of the file is going to be read.
   */
  stream(run: BlockRun, isPrefetch: boolean): void;
  /** The holder needs nothing more: fetches that no other holds are cancelled. */
  release(holder: Holder): void;
  /** Takes over the body of a probe, which begins at byte 0. */
  fill(response: Response, probeBytes: number): void;
  /** Waits for the size. */
  whenSizeKnown(signal?: AbortSignal): Promise<number>;
  /**
   * Whether a body of unknown length goes on beyond what is read of it without a reader, or comes for longer than `waitMs`. False
   * also if it was cancelled, or failed: then the size is not known after it. Rejects with the signal's reason.
   */
  isLong(waitMs: number, signal?: AbortSignal): Promise<boolean>;
  /** No handle is open any more (false) or one is again (true). */
  setInUse(inUse: boolean): void;
  close(): void;
}

/** What only a body, or a response to a download, shows of a version. */
export type LearnedFact =
  | { readonly size: number }
  | { readonly isLong: true }
  | { readonly digest: ContentDigest };

/** The version that is downloaded. */
export interface DownloadContext {
  readonly url: string;
  /** What is known of it by now: a body, and the response to a download, may show more. */
  readonly file: FileMetadata;
  /** The user who opened it last, where users are distinguished. */
  readonly uid: number | undefined;
  readonly blocks: VersionBlocks;
  /** Whether a checksum is of use for each block that comes. */
  readonly isStorable: boolean;
  learn(fact: LearnedFact): void;
  /** The next handle is to read by one download from the start. */
  noteRangeIgnored(): void;
  /** All bytes came, and do not have the digest. */
  setCorrupt(error: CorruptError): void;
  /** To be called when `isBusy` may have become false. */
  endIfIdle(): void;
}
