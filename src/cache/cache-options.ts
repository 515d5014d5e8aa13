import type { FreshnessLimits } from './freshness.js';
import { DEFAULT_READAHEAD, type ReadaheadOptions } from './readahead.js';

export interface CacheOptions extends FreshnessLimits {
  /** For blocks, and bodies on their way, together. */
  readonly memoryBytes: number;
  /** The unit of caching, and the least that a random read fetches. */
  readonly blockBytes: number;
  /** The prefix that the first request for a file brings along; a multiple of `blockBytes`. */
  readonly probeBytes: number;
  readonly readahead: ReadaheadOptions;
}

export const DEFAULT_CACHE_OPTIONS: CacheOptions = {
  memoryBytes: 256 * 1024 * 1024,
  metadataTtlMs: 60_000,
  negativeTtlMs: 5_000,
  // Eight pages: a random reader of 4 KiB fetches little (with 64 KiB it reads a quarter less per second), and a
  // sequential one makes long runs of them, and is as fast.
  blockBytes: 32 * 1024,
  probeBytes: 64 * 1024,
  staleIfErrorMs: 24 * 3_600_000,
  readahead: DEFAULT_READAHEAD,
};
