import type { CacheOptions } from './cache-options.js';
import type { Freshness } from './freshness.js';
import type { ListingCache } from './listing-cache.js';
import type { MetadataQueries } from './metadata-queries.js';
import type { ResourceTable } from './resource-table.js';
import type { VersionContext } from './version.js';

/** What the cache consists of, for those who serve requests by it. */
export interface CacheParts {
  readonly options: CacheOptions;
  readonly freshness: Freshness;
  readonly table: ResourceTable;
  readonly queries: MetadataQueries;
  readonly listings: ListingCache;
  readonly versions: VersionContext;
}
