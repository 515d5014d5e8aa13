/** The pages of a directory in a bucket. */
import { encodeStrict } from '../../auth/canonical.js';
import { ProtocolError, TimeoutError } from '../../errors.js';
import type { HttpCaller, HttpEngine, TextReader } from '../../http/http-engine.js';
import type { HttpTarget } from '../../http/http-resource.js';
import { MalformedXml, XmlEvents } from '../../xml-events.js';
import { objectUrl } from './bucket-address.js';
import type { Bucket } from './bucket-access.js';
import { errorOf } from './explain-refusal.js';
import { type ListingPage, ObjectListing, type PageStart } from './object-listing.js';

/** All pages together may take so many timeouts. */
const LISTING_TIME_FACTOR = 4;
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
export async function* listPages(
  engine: HttpEngine,
  directory: ListedDirectory,
  caller: HttpCaller,
  maxKeys = PAGE_KEYS,
): AsyncGenerator<ListingPage> {
  const limitMs = engine.timeoutMs * LISTING_TIME_FACTOR;
  const endMs = performance.now() + limitMs;
  const starts = new Set<string>();
  let start: PageStart | undefined;
  do {
    const page = await fetchPage(engine, directory, caller, maxKeys, start);
    start = page.next;
    if (start !== undefined) {
      checkProgress(caller.url, starts, start);
      if (start.by === 'marker') directory.bucket.listsByMarker = true;
      if (performance.now() > endMs) {
        throw new TimeoutError(caller.url, {
          expected: `a listing within ${limitMs / 1000} s`,
          found: 'more pages',
        });
      }
    }
    yield page;
  } while (start !== undefined);
}

function checkProgress(url: URL, starts: Set<string>, start: PageStart): void {
  if (starts.has(start.value)) {
    throw new ProtocolError('the listing has no end', url, {
      expected: 'a page that begins elsewhere',
      found: 'the same once more',
    });
  }
  starts.add(start.value);
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
  const listing = await engine.fetchPieces(request, caller, () => listingReader(caller.url));
  if (listing.error !== undefined) throw errorOf(listing.error, 200, caller.url);
  return await listing.page(caller.url, prefix, caller.signal);
}

function listingReader(url: URL): TextReader<ObjectListing> {
  const listing = new ObjectListing();
  const events = new XmlEvents(listing);
  return {
    read: (text) =>
      readable(url, () => {
        events.read(text);
        return 0;
      }),
    end: () =>
      readable(url, () => {
        events.end();
        listing.checkEnd();
        return listing;
      }),
  };
}

function readable<Result>(url: URL, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedXml)) throw error;
    const facts = { expected: error.expected, found: error.message };
    throw new ProtocolError('the listing cannot be read', url, facts);
  }
}
