/** The pages of a directory in a bucket. */
import { encodeStrict } from '../../auth/canonical.js';
import type { HttpCaller, HttpEngine } from '../../http/http-engine.js';
import type { HttpTarget } from '../../http/http-resource.js';
import { objectUrl } from './bucket-address.js';
import type { Bucket } from './bucket-access.js';
import { errorOf } from './explain-refusal.js';
import { followPages, xmlReader } from '../../listing-pages.js';
import { type ListingPage, ObjectListing, type PageStart } from './object-listing.js';

const PAGE_KEYS = 1_000;

export interface ListedDirectory {
  readonly bucket: Bucket;
  /** How the bucket is reached; the URL is made here. */
  readonly profile: Omit<HttpTarget, 'url'>;
  readonly encodesKeys: boolean;
  /** Of the keys in it: empty, or with a slash at its end. */
  readonly prefix: string;
}

/** `maxKeys`: fewer, to learn whether there are any. */
export function listPages(
  engine: HttpEngine,
  directory: ListedDirectory,
  caller: HttpCaller,
  maxKeys = PAGE_KEYS,
): AsyncGenerator<ListingPage> {
  return followPages<PageStart, ListingPage>(caller.url, async (start) => {
    const page = await fetchPage(engine, directory, caller, maxKeys, start);
    if (page.next?.by === 'marker') directory.bucket.listsByMarker = true;
    return page;
  });
}

async function fetchPage(
  engine: HttpEngine,
  { bucket, profile, encodesKeys, prefix }: ListedDirectory,
  caller: HttpCaller,
  maxKeys: number,
  start: PageStart | undefined,
): Promise<ListingPage> {
  const query = {
    ...(bucket.listsByMarker || start?.by === 'marker' ? {} : { 'list-type': '2' }),
    delimiter: '/',
    prefix,
    'max-keys': String(maxKeys),
    ...(encodesKeys ? { 'encoding-type': 'url' } : {}),
    ...(start && { [start.by === 'token' ? 'continuation-token' : 'marker']: start.value }),
  };
  const text = Object.entries(query).map(([name, value]) => `${name}=${encodeStrict(value)}`);
  const url = objectUrl(bucket.address, '', text.join('&'));
  const request = { ...profile, url, allowed: [200] };
  const listing = await engine.fetchPieces(request, caller, () => xmlReader(caller.url, new ObjectListing()));
  if (listing.error !== undefined) throw errorOf(listing.error, 200, caller.url);
  return await listing.page(caller.url, prefix, caller.signal);
}
