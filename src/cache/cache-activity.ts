import { SourceError } from '../source/index.js';

/**
 * Where the bytes of a read come from: those of a block that was read before are in memory. `p2p`: by way of a cluster of
 * Dragonfly.
 */
export type ReadRoute = 'memory' | 'disk' | 'p2p' | 'source';
/** The fastest first. */
const ROUTES: readonly ReadRoute[] = ['memory', 'disk', 'p2p', 'source'];

export function slowerRoute(a: ReadRoute, b: ReadRoute): ReadRoute {
  return ROUTES.indexOf(a) < ROUTES.indexOf(b) ? b : a;
}

/**
 * How metadata was had that was needed. From what is kept: `fresh`. By a request: `revalidated` (unchanged), `queried`. `stale`: its
 * source could not be queried. `missing`: there is no such name, kept or queried. `failed`: the source failed.
 */
export type LookupResult = 'fresh' | 'revalidated' | 'queried' | 'stale' | 'missing' | 'failed';

/** What reads have brought, and what the cache did with it. */
export class CacheActivity {
  readonly readBytes: Record<ReadRoute, number> = { memory: 0, disk: 0, p2p: 0, source: 0 };
  /** By the slowest route of the bytes of each. */
  readonly reads: Record<ReadRoute, number> = { memory: 0, disk: 0, p2p: 0, source: 0 };
  /** Of the memory for blocks. */
  evictedBytes = 0;
  /** What the disk was too slow for. */
  unstoredBytes = 0;
  readonly lookups: Record<LookupResult, number> = {
    fresh: 0,
    revalidated: 0,
    queried: 0,
    stale: 0,
    missing: 0,
    failed: 0,
  };
  /** How often metadata or a listing was served that its source could not confirm, by the code of its failure. */
  readonly staleServed = new Map<string, number>();
  /** Open files whose resource has another version, or is gone, and that cannot be read any more. */
  staleHandles = 0;

  noteStale(error: unknown): void {
    const code = error instanceof SourceError ? error.code : 'UNEXPECTED';
    this.staleServed.set(code, (this.staleServed.get(code) ?? 0) + 1);
  }
}
