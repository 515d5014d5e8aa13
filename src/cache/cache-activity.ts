/** Where the bytes of a read come from: those of a block that was read before are in memory. */
export type ReadRoute = 'memory' | 'disk' | 'source';

/** What reads have brought, and what the cache did with it. */
export class CacheActivity {
  readonly readBytes: Record<ReadRoute, number> = { memory: 0, disk: 0, source: 0 };
  /** By the slowest route of the bytes of each. */
  readonly reads: Record<ReadRoute, number> = { memory: 0, disk: 0, source: 0 };
  /** Of the memory for blocks. */
  evictedBytes = 0;
  /** What the disk was too slow for. */
  unstoredBytes = 0;
  /** How often metadata was served that its source could not confirm. */
  staleServed = 0;
}
