/** What crosses between the main thread and the one that changes files: plain data, and memory that both share. */
import { codeOf, messageOf } from '../../../error-code.js';
import type { ContentDigest } from '../../../source/index.js';

/** Blocks of one version, in ascending order. */
export interface WriteJob {
  readonly name: string;
  /** There are no files yet: what the index begins with, and the length of the data. */
  readonly create: { readonly header: Uint8Array; readonly dataBytes: number } | undefined;
  readonly recordsAt: number;
  readonly seed: number;
  readonly blockBytes: number;
  readonly isDirect: boolean;
  readonly memory: readonly SharedArrayBuffer[];
  /** Five numbers for each block: its index, its checksum, which memory, from where on, how many bytes. */
  readonly blocks: readonly number[];
}

export interface WriteResult {
  /** By the two files. */
  readonly allocatedBytes: number;
  /** Not all was written; there are files, though. */
  readonly error: PlainError | undefined;
}

/** Bytes of an index file, and when the entry was used last (its modification time), if that is another time now. */
export interface PatchJob {
  readonly name: string;
  readonly writes: readonly { readonly at: number; readonly bytes: Uint8Array }[];
  readonly usedAtMs?: number;
}

export interface PunchJob {
  readonly name: string;
  /** Of the index file first. */
  readonly index: Hole;
  readonly data: Hole;
}

export interface Hole {
  readonly at: number;
  readonly bytes: number;
}

/** Compares a data file with the checksums of its blocks. */
export interface CheckJob {
  readonly fd: number;
  readonly blockBytes: number;
  readonly sizeBytes: number;
  readonly checksums: Uint32Array;
  /** What is right is not read, unless all of it is for the digest. */
  readonly isChecked: Uint8Array;
  readonly digest: ContentDigest | undefined;
  /** Set to 1: the result is of no use any more. */
  readonly cancelled: Int32Array;
}

export interface CheckResult {
  readonly isFinished: boolean;
  /** What could not be read, or does not fit its checksum. */
  readonly wrong: readonly number[];
  /** The digest of all bytes, if it is another one. */
  readonly found: string | undefined;
}

export interface WarmJob {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly cancelled: Int32Array;
}

export interface ShardEntries {
  readonly names: readonly string[];
  /** Of each name: what its files allocate, and when it was used last (ms since the epoch). */
  readonly figures: Float64Array;
  readonly strays: readonly { readonly path: string; readonly error: PlainError | undefined }[];
}

/** An error of the system. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
}

export function plainError(error: unknown): PlainError {
  return { code: codeOf(error), message: messageOf(error) };
}

/** Each job, and its result. */
export interface Jobs {
  readonly write: [WriteJob, WriteResult];
  readonly punch: [PunchJob, WriteResult];
  readonly patch: [readonly PatchJob[], undefined];
  readonly remove: [string, undefined];
  readonly scan: [string, ShardEntries];
  readonly check: [CheckJob, CheckResult];
  /** Brings a file into the page cache. */
  readonly warm: [WarmJob, undefined];
  readonly removeOldShard: [string, undefined];
  /** The store ends: makes durable what was written; false: that is too much for it. */
  readonly close: [undefined, boolean];
}

export type Kind = keyof Jobs;
/** Number, kind and argument of a job. */
export type Request = { [K in Kind]: readonly [id: number, kind: K, job: Jobs[K][0]] }[Kind];
export type Reply = readonly [id: number, result: unknown, error: PlainError | undefined];

/** A store has a number: there may be several in a process, of the same directory, too. */
export interface StoreOptions {
  readonly store: number;
  readonly root: string;
  readonly syncAfterMs: number;
}

export interface RequestMessage extends StoreOptions {
  readonly requests: readonly Request[];
}

/** Results of jobs (`isBatch`: of a message; later ones come one by one), or what is not durable yet after some of it was made so. */
export type ReplyMessage = { readonly store: number } & (
  | { readonly replies: readonly Reply[]; readonly isBatch: boolean }
  | { readonly unsynced: number; readonly error: PlainError | undefined }
);
