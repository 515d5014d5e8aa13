/** A directory is read while it is listed, by as many as like, in bounded memory. */
import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { Freshness } from '../../src/cache/freshness.js';
import { ListingCache } from '../../src/cache/listing-cache.js';
import type { ListingReader } from '../../src/cache/listing/listing-reader.js';
import type { OpenListing } from '../../src/cache/resource-cache.js';
import type { PageSink } from '../../src/source/resource-client.js';
import type { CompleteClient, Request, UrlEntry } from '../../src/source/index.js';
import { SourceError } from '../../src/source/index.js';
import { CountingBudget } from '../support/counting-budget.js';
import { listAll } from '../support/list-all.js';
import { until } from '../support/until.js';

const PAGE = 1_000;
const LIMITS = { metadataTtlMs: 1_000, negativeTtlMs: 100, staleIfErrorMs: 10_000 };
const D = 's3://bucket/many';

/** A bucket of so many objects, in pages of a thousand. */
class Bucket {
  readonly listings: ListingCache;
  readonly budget: CountingBudget;
  /** By request: how many pages it has fetched; negative: it was ended. */
  readonly requests: { pages: number; isEnded: boolean }[] = [];
  names: (number | string)[];
  /** Called before a page. */
  beforePage: (page: number) => Promise<void> | void = () => undefined;
  now = 0;

  constructor(count: number, budgetBytes = 2_000_000) {
    this.names = Array.from({ length: count }, (_, i) => i);
    this.budget = new CountingBudget(budgetBytes);
    this.listings = new ListingCache({
      budget: this.budget,
      freshness: new Freshness(LIMITS, () => this.now),
      clientFor: () => Promise.resolve({ list: this.#list } as unknown as CompleteClient),
      log: pino({ level: 'silent' }),
    });
  }

  get pages(): number[] {
    return this.requests.map(({ pages }) => pages);
  }

  #list = async ({ signal }: Request, onPage: PageSink): Promise<readonly UrlEntry[]> => {
    const request = { pages: 0, isEnded: false };
    this.requests.push(request);
    signal?.addEventListener('abort', () => (request.isEnded = true));
    for (let at = 0; at < this.names.length; at += PAGE) {
      signal?.throwIfAborted();
      await this.beforePage(request.pages);
      request.pages += 1;
      await onPage(this.names.slice(at, at + PAGE).map(entryOf));
    }
    return [];
  };
}

/** A string that ends with a slash is a directory. */
function entryOf(given: number | string): UrlEntry {
  const isDir = String(given).endsWith('/');
  const name =
    typeof given === 'number' ? `object-${String(given).padStart(7, '0')}` : given.replace(/\/$/, '');
  const etag = `"${name.padStart(32, '0').slice(-32)}"`;
  return {
    name,
    isDir,
    url: new URL(`s3://bucket/${name}`),
    ...(isDir ? {} : { size: 4_711, lastModified: 1e12, etag }),
  };
}

async function read(listing: OpenListing, from: number, count: number): Promise<string[]> {
  const found: string[] = [];
  for (let place = from; place < from + count; place += 1) {
    await listing.whenAt(place);
    const segment = listing.segmentAt(place);
    if (segment === undefined) break;
    found.push(segment);
  }
  return found;
}

test('the first names are there when the first page is, and the next pages come as they are read', async (t) => {
  const bucket = new Bucket(20_000);
  const listing = await bucket.listings.open(D);
  t.is(listing.segmentAt(0), 'object-0000000');
  await nextTurn();
  t.deepEqual(bucket.pages, [2]);
  await read(listing, 0, 5_500);
  await nextTurn();
  t.true((bucket.pages[0] ?? 0) <= 8, `${bucket.pages[0]}`);
  listing.close();
  await nextTurn();
  t.true(bucket.requests[0]?.isEnded, 'a directory that is closed is not listed any more');
  t.is(bucket.listings.peek(D), undefined);
  t.is(bucket.budget.usedBytes, 0);
});

// S88
test('a listing that fits is kept, in less than 100 bytes for each file', async (t) => {
  const bucket = new Bucket(10_000);
  t.is((await listAll(bucket.listings, D)).length, 10_000);
  t.is((await listAll(bucket.listings, D)).length, 10_000);
  t.is(bucket.requests.length, 1);
  t.true(bucket.budget.usedBytes < 100 * 10_000, `${bucket.budget.usedBytes}`);
  t.like(bucket.listings.peekEntry(`${D}/object-0004711`), {
    entry: {
      segment: 'object-0004711',
      stat: { kind: 'file', size: 4_711, lastModifiedMs: 1e12, lastModifiedPrecisionMs: 1_000 },
      etag: '"000000000000000000object-0004711"',
    },
  });
  t.is(bucket.listings.unlistedTtlMs(`${D}/other`), 100);
});

// S88
test('one that is too long is read in a window, shared by those who read together', async (t) => {
  const bucket = new Bucket(60_000, 1_000_000);
  const listings = await Promise.all([1, 2, 3, 4].map(() => bucket.listings.open(D)));
  const all = await Promise.all(listings.map((listing) => read(listing, 0, 100_000)));
  for (const names of all) t.deepEqual([names.length, new Set(names).size], [60_000, 60_000]);
  t.deepEqual(bucket.pages, [60]);
  t.true(bucket.budget.usedBytes < 600_000, `${bucket.budget.usedBytes}`);
  t.true(bucket.listings.peekEntry(`${D}/object-0059000`) !== undefined, 'what was read last is known');
  t.is(bucket.listings.peekEntry(`${D}/object-0000000`), undefined);
  for (const listing of listings) listing.close();
  t.is(bucket.listings.peekEntry(`${D}/object-0059000`), undefined);
  t.is(bucket.budget.usedBytes, 0);
});

test('one that comes later begins anew, and goes back to what it has read', async (t) => {
  const bucket = new Bucket(60_000, 1_000_000);
  const early = await bucket.listings.open(D);
  t.is((await read(early, 0, 50_000)).length, 50_000);
  const late = await bucket.listings.open(D);
  t.is((await read(late, 0, 100_000)).length, 60_000);
  t.is(bucket.requests.length, 2);
  const [name] = await read(early, 20, 1);
  t.is(name, 'object-0000020', 'seekdir');
  t.deepEqual(await read(early, 59_999, 2), ['object-0059999']);
  early.close();
  late.close();
});

// S168
test('a place stays the place of its entry when the directory is listed again, or the read fails', async (t) => {
  const bucket = new Bucket(10_000);
  const listing = await bucket.listings.open(D);
  await read(listing, 0, 3_000);
  await listing.whenAt(3_000);
  const from = listing.readTo(3_000);
  bucket.listings.forget('s3://');
  const other = await bucket.listings.open(D, undefined, from);
  t.is((await read(other, 3_000, 1))[0], 'object-0003000', 'another process reads on');
  bucket.names.push('z');
  const longer = await new Bucket(9_000).listings.open(D, undefined, from);
  t.is((await read(longer, 3_000, 10_000)).length, 6_000);
  bucket.names.splice(17, 1);
  bucket.listings.forget('s3://');
  const changed = await bucket.listings.open(D, undefined, from);
  await t.throwsAsync(read(changed, 3_000, 1), { code: 'CHANGED' });
  for (const one of [listing, other, longer, changed]) one.close();
});

// S95
test('a listing that breaks is an error behind its last entry, and is begun anew', async (t) => {
  const bucket = new Bucket(10_000);
  bucket.beforePage = (page) => {
    if (page === 3 && bucket.requests.length === 1) throw new SourceError('CONNECTION_LOST', 'lost', D);
  };
  const listing = await bucket.listings.open(D);
  t.is((await read(listing, 0, 3_000)).length, 3_000);
  for (let i = 0; i < 2; i += 1) await t.throwsAsync(read(listing, 3_000, 1), { code: 'CONNECTION_LOST' });
  listing.close();
  t.is((await listAll(bucket.listings, D)).length, 10_000);
  t.is(bucket.budget.usedBytes > 0, true);
});

test('the next page is requested before the last one is added, which is there although the request fails', async (t) => {
  const bucket = new Bucket(3_000);
  const found: boolean[] = [];
  bucket.beforePage = (page) => {
    found.push(bucket.listings.peekEntry(`${D}/object-0000000`) !== undefined);
    if (page === 1) throw new SourceError('CONNECTION_LOST', 'lost', D);
  };
  const listing = await bucket.listings.open(D);
  t.is((await read(listing, 0, 1_000)).length, 1_000);
  t.deepEqual(found, [false, false]);
  await t.throwsAsync(read(listing, 1_000, 1), { code: 'CONNECTION_LOST' });
  listing.close();
});

test('a reader that gives up, and others that wait for the same page', async (t) => {
  const bucket = new Bucket(5_000);
  const gates: (() => void)[] = [];
  bucket.beforePage = () => new Promise((resolve) => gates.push(resolve));
  const controller = new AbortController();
  const first = bucket.listings.open(D, controller.signal);
  const second = bucket.listings.open(D);
  await until('it is requested', () => gates.length === 1);
  controller.abort(new Error('interrupted'));
  await t.throwsAsync(first, { message: 'interrupted' });
  gates.pop()?.();
  const listing = await second;
  t.is(bucket.requests.length, 1);
  listing.close();
  t.true(bucket.requests[0]?.isEnded);
});

// S117
test('of a key and a prefix of one name the second is not shown once more, however far it is behind', async (t) => {
  const between = Array.from({ length: 60_000 }, (_, i) => `data-${String(i).padStart(6, '0')}`);
  for (const budgetBytes of [1_000_000, 50_000_000]) {
    const bucket = new Bucket(0, budgetBytes);
    bucket.names = ['data', ...between, 'data/', 'e', 'e/'];
    const names = await listAll(bucket.listings, D);
    t.is(names.length, 60_002);
    t.deepEqual(names.slice(-2), ['data-059999', 'e']);
  }
});

// S85
test('directories that are open and not read make room for others', async (t) => {
  const bucket = new Bucket(1_000, 1_000_000);
  const open: ListingReader[] = [];
  for (let i = 0; i < 100; i += 1) {
    const listing = await bucket.listings.open(`${D}${i}`);
    t.is((await read(listing, 0, 500)).length, 500);
    open.push(listing);
    bucket.now += 1;
  }
  await until('nobody reads them', () => !open.some(({ isActive }) => isActive));
  await bucket.listings.open('s3://bucket/other');
  t.true(bucket.budget.usedBytes <= 1_000_000, `${bucket.budget.usedBytes}`);
  t.is((await read(open[0] as OpenListing, 500, 1_000)).length, 500, 'it is listed again');
  for (const listing of open) listing.close();
});
