import type { OpenListing } from '../../src/cache/resource-cache.js';

type Open = (url: string, signal?: AbortSignal) => Promise<OpenListing>;
/** A cache of listings, or one that has such a cache. */
type Directories = { readonly open: Open } | { readonly openListing: Open };

/** The segments of all entries of a directory. */
export async function listAll(cache: Directories, url: string, signal?: AbortSignal): Promise<string[]> {
  const listing = await ('openListing' in cache ? cache.openListing(url, signal) : cache.open(url, signal));
  const segments: string[] = [];
  try {
    for (;;) {
      await listing.whenAt(segments.length, { signal });
      const segment = listing.segmentAt(segments.length);
      if (segment === undefined) return segments;
      segments.push(segment);
    }
  } finally {
    listing.close();
  }
}
