import { statfs } from 'node:fs/promises';

import type { RateLimitedLog } from './rate-limited-log.js';

const STATFS_EVERY_MS = 2_000;
/** After ENOSPC or EDQUOT the store does not grow for this long. */
const CEILING_MS = 60_000;
const RESERVE_BYTES = 2 ** 30;
const RESERVE_SHARE = 0.05;
/** The part of the limit that is left to the file system's own bookkeeping, which is seen late. */
const HEADROOM_SHARE = 1 / 256;

/** What is left free of a file system, if nothing else is given. */
export function reserveBytes(fileSystemBytes: number): number {
  return Math.min(RESERVE_BYTES, fileSystemBytes * RESERVE_SHARE);
}

export interface SpaceOptions {
  readonly directory: string;
  readonly limitBytes: number;
  readonly reserveBytes: number | undefined;
  readonly warnings: RateLimitedLog;
}

/** How much the store uses, and how much more it may. */
export class Space {
  /** Allocated bytes, or reserved; those of removed files that are still open included. */
  usedBytes = 0;
  readonly #options: SpaceOptions;
  #freeBytes = 0;
  #reserveBytes = 0;
  #queriedAtMs = Number.NEGATIVE_INFINITY;
  #usedBytesWhenQueried = 0;
  #querying: Promise<void> | undefined;
  #ceiling: { readonly bytes: number; readonly endsAtMs: number } | undefined;

  constructor(options: SpaceOptions) {
    this.#options = options;
  }

  /** How many bytes must go before `bytes` more may be written; 0 or less: none. */
  shortBytes(bytes: number): number {
    return this.usedBytes + bytes - this.capacityBytes;
  }

  /** How much may be used in all: by the limit, and by what is free. As it was queried last. */
  get capacityBytes(): number {
    const { limitBytes } = this.#options;
    if (this.#ceiling !== undefined && performance.now() >= this.#ceiling.endsAtMs) this.#ceiling = undefined;
    return Math.min(
      limitBytes - limitBytes * HEADROOM_SHARE,
      this.#ceiling?.bytes ?? Number.POSITIVE_INFINITY,
      this.#usedBytesWhenQueried + this.#freeBytes - this.#reserveBytes,
    );
  }

  /** Resolves when the free space is known as of some seconds ago; undefined: it is. */
  refresh(): Promise<void> | undefined {
    if (performance.now() - this.#queriedAtMs >= STATFS_EVERY_MS) {
      this.#querying ??= this.#query().finally(() => {
        this.#querying = undefined;
      });
    }
    return this.#querying;
  }

  /** The file system (or a quota, which statfs does not report) has no room, whatever was computed. */
  noteFull(): void {
    this.#queriedAtMs = Number.NEGATIVE_INFINITY;
    this.#ceiling = { bytes: this.usedBytes, endsAtMs: performance.now() + CEILING_MS };
  }

  /** Undefined: never queried. */
  get freeBytes(): number | undefined {
    return Number.isFinite(this.#queriedAtMs) && Number.isFinite(this.#freeBytes)
      ? this.#freeBytes
      : undefined;
  }

  async #query(): Promise<void> {
    this.#queriedAtMs = performance.now();
    try {
      const { bavail, blocks, bsize } = await statfs(this.#options.directory);
      this.#freeBytes = bavail * bsize;
      this.#reserveBytes = this.#options.reserveBytes ?? reserveBytes(blocks * bsize);
    } catch (error) {
      this.#options.warnings.warn('cannot query the free space', error);
      // A write finds out; to evict for it would empty the cache.
      this.#freeBytes = Number.POSITIVE_INFINITY;
    }
    this.#usedBytesWhenQueried = this.usedBytes;
  }
}
