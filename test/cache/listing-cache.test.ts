import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { Freshness } from '../../src/cache/freshness.js';
import { ListingCache, splitUrl } from '../../src/cache/listing-cache.js';
import { listAll } from '../support/list-all.js';
import { withResolvers } from '../../src/with-resolvers.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import {
  type CompleteClient,
  NotFoundError,
  type Request,
  SourceError,
  type UrlEntry,
} from '../../src/source/index.js';

const LIMITS = { metadataTtlMs: 1_000, negativeTtlMs: 100, staleIfErrorMs: 10_000 };

function entry(name: string, facts: Partial<UrlEntry> = {}): UrlEntry {
  return { name, url: new URL(`http://h/d/${name}`), isDir: false, ...facts };
}

function listingsOf(entries: readonly UrlEntry[]): {
  listings: ListingCache;
  requested: string[];
  state: { now: number; failure: SourceError | undefined };
} {
  const requested: string[] = [];
  const state: { now: number; failure: SourceError | undefined } = { now: 0, failure: undefined };
  const client = {
    list: ({ url }: { url: URL }) => {
      requested.push(url.href);
      return state.failure === undefined ? Promise.resolve(entries) : Promise.reject(state.failure);
    },
  } as unknown as CompleteClient;
  return { listings: listingsWith(client, () => state.now), requested, state };
}

function listingsWith(
  client: CompleteClient,
  now: () => number,
  budget = new MetadataBudget(1024 * 1024),
): ListingCache {
  return new ListingCache({
    budget,
    freshness: new Freshness(LIMITS, now),
    clientFor: () => Promise.resolve(client),
    log: pino({ level: 'silent' }),
  });
}

test('what an entry has is kept, in a byte for its permissions', async (t) => {
  const bytesOf = async (mode: number | undefined): Promise<number> => {
    const entries = Array.from({ length: 1_000 }, (_, i) => entry(`${i}`, { size: 7, mode }));
    const budget = new MetadataBudget(1024 * 1024);
    const client = { list: () => Promise.resolve(entries) } as unknown as CompleteClient;
    await listAll(
      listingsWith(client, () => 0, budget),
      'http://h/d',
    );
    return budget.keptBytes;
  };
  const more = (await bytesOf(0o100_755)) - (await bytesOf(undefined));
  t.true(more >= 1_000 && more < 1_100, `${more} bytes`);
  const facts = { lastModified: 5_000, etag: '"1"', digest: { algorithm: 'md5', hex: 'ab' } } as const;
  const { listings } = listingsOf([
    entry('all', { ...facts, size: 3, mode: 0o100_755 }),
    entry('größe', { ...facts, size: 3, mode: 0 }),
    entry('d', { isDir: true, lastModified: 5_000, mode: 0o2750 }),
    entry('none', { size: 1 }),
    entry('unknown', { mode: 0o755 }),
  ]);
  const segments = await listAll(listings, 'http://h/d');
  const stats = segments.map((segment) => {
    const { stat, etag } = listings.peekEntry(`http://h/d/${segment}`)?.entry ?? {};
    return typeof stat === 'object' ? [stat.kind, stat.lastModifiedMs, stat.permissions, etag] : stat;
  });
  t.deepEqual(stats, [
    ['file', 5_000, 0o155, '"1"'],
    ['file', 5_000, 0, '"1"'],
    ['directory', 5_000, 0o150, undefined],
    ['file', undefined, undefined, undefined],
    'unknown-file',
  ]);
});

test('what is named twice, in one spelling or two, is one entry: the last', async (t) => {
  const { listings } = listingsOf([
    entry('it%27s', { size: 1 }),
    entry('b', { size: 2 }),
    entry("it's", { size: 3 }),
    entry('b', { isDir: true }),
  ]);
  t.deepEqual(await listAll(listings, 'http://h/d'), ["it's", 'b']);
  for (const spelling of ["it's", 'it%27s', 'i%74%27s']) {
    t.like(listings.peekEntry(`http://h/d/${spelling}`)?.entry, { segment: "it's", stat: { size: 3 } });
  }
  t.like(listings.peekEntry('http://h/d/b')?.entry, { stat: { kind: 'directory' } });
});

// S36
test('a listing is fresh for its TTL, and says nothing about names that it lacks', async (t) => {
  const { listings, requested, state } = listingsOf([entry('a'), entry('b%3Fc')]);
  await Promise.all([listAll(listings, 'http://h/d'), listAll(listings, 'http://h/d')]);
  t.is(listings.peekEntry('http://h/d/a')?.entry.stat, 'unknown-file');
  t.is(listings.peekEntry('http://h/d/b%3fc')?.entry.segment, 'b%3Fc');
  t.is(listings.peekEntry('http://h/d/a', 'http://h/d')?.entry.segment, 'a');
  for (const other of [
    'http://h/d/c',
    'http://h/d/a?x=/a',
    'http://h/d/a/a',
    'http://h/e/a',
    'http://h/d',
    'http://h',
  ]) {
    t.is(listings.peekEntry(other), undefined, other);
  }
  state.now = 1_000;
  t.is(listings.peekEntry('http://h/d/a'), undefined);
  await listAll(listings, 'http://h/d');
  t.deepEqual(requested, ['http://h/d/', 'http://h/d/']);
  listings.forget('http://h');
  t.is(listings.peek('http://h/d'), undefined);
});

// S42
test('a listing stays valid while the source cannot be queried, but not after a 404', async (t) => {
  const { listings, requested, state } = listingsOf([entry('a', { size: 1 })]);
  const first = await listAll(listings, 'http://h/d');
  state.failure = new SourceError('CONNECTION_REFUSED', 'refused', 'http://h/d/');
  state.now = 2_000;
  t.deepEqual(await listAll(listings, 'http://h/d'), first);
  await listAll(listings, 'http://h/d');
  t.is(requested.length, 2, 'not queried again at once');
  t.is(listings.peekEntry('http://h/d/a')?.queriedAtMs, 0, 'its entries are no newer than it was');
  state.now = 2_100;
  await listAll(listings, 'http://h/d');
  t.is(requested.length, 3);
  state.now = 10_000;
  t.deepEqual(await listAll(listings, 'http://h/d'), first, 'at most that old');
  state.now = 10_100;
  t.like(await t.throwsAsync(listAll(listings, 'http://h/d')), { code: 'CONNECTION_REFUSED' });
  state.now = 5_000;
  state.failure = new NotFoundError('http://h/d/');
  t.like(await t.throwsAsync(listAll(listings, 'http://h/d')), { code: 'NOT_FOUND' });
});

test('a listing is prefetched in the background, and promoted when a reader waits for it', async (t) => {
  const requested: Request[] = [];
  const gate = withResolvers<readonly UrlEntry[]>();
  const client = {
    list: async (request: Request) => {
      requested.push(request);
      return await gate.promise;
    },
  } as unknown as CompleteClient;
  const listings = listingsWith(client, () => 0);
  const { signal } = new AbortController();
  const first = listings.prefetch('http://h/d', signal);
  const second = listings.prefetch('http://h/d', signal);
  const other = listAll(listings, 'http://h/other');
  await Promise.resolve();
  t.deepEqual(
    requested.map(({ priority }) => priority),
    ['background', 'foreground'],
  );
  t.is(requested[0]?.promotion?.isPromoted, false);
  const waited = listAll(listings, 'http://h/d');
  t.is(requested[0]?.promotion?.isPromoted, true);
  gate.resolve([entry('a')]);
  t.deepEqual((await Promise.all([waited, first, second]))[0], ['a']);
  await other;
  t.is(requested.length, 2);
});

test('a clock that is set back makes no listing trusted for longer', async (t) => {
  const { listings, requested, state } = listingsOf([]);
  state.now = 3_600_000;
  await listAll(listings, 'http://h/d');
  state.now = 0;
  await listAll(listings, 'http://h/d');
  t.is(requested.length, 2);
});

test('a URL is a name in a directory', (t) => {
  t.deepEqual(splitUrl('http://h/a/b'), { parent: 'http://h/a', segment: 'b' });
  t.deepEqual(splitUrl('http://h/a?x=/y?z'), { parent: 'http://h', segment: 'a?x=/y?z' });
  t.is(splitUrl('http://h').parent, undefined);
  t.is(splitUrl('http://h?x=/y').parent, undefined);
});

// S88
test('a listing that has no room is there while it is read', async (t) => {
  const requested: string[] = [];
  const entries = Array.from({ length: 1_000 }, (_, i) => entry(`${i}`, { size: i }));
  const client = {
    list: ({ url }: { url: URL }) => {
      requested.push(url.href);
      return Promise.resolve(entries);
    },
  } as unknown as CompleteClient;
  const listings = listingsWith(client, () => 0, new MetadataBudget(10_000));
  const reader = await listings.open('http://h/d');
  t.like(listings.peekEntry('http://h/d/999'), { entry: { segment: '999' } });
  t.true(listings.wasListed('http://h/d'));
  t.is((await listAll(listings, 'http://h/d')).length, 1_000);
  t.deepEqual(requested, ['http://h/d/']);
  reader.close();
  t.is(listings.peekEntry('http://h/d/999'), undefined);
});

// S42 S62
test('a listing that is denied by now is not served once the source fails', async (t) => {
  for (const budgetBytes of [1024 * 1024, 100]) {
    let code: 'ACCESS_DENIED' | 'TIMEOUT' | undefined;
    let nowMs = 0;
    const list = async (): Promise<readonly UrlEntry[]> => {
      if (code !== undefined) throw new SourceError(code, 'failed', 'http://h/d/');
      return [entry('a')];
    };
    const client = { list } as unknown as CompleteClient;
    const listings = listingsWith(client, () => nowMs, new MetadataBudget(budgetBytes));
    t.deepEqual(await listAll(listings, 'http://h/d'), ['a']);
    nowMs += 1_000;
    for (code of ['ACCESS_DENIED', 'TIMEOUT'] as const) {
      t.like(await t.throwsAsync(listAll(listings, 'http://h/d')), { code });
    }
  }
});

test('a listing that is under way when it is forgotten is not kept, and later callers do not wait for it', async (t) => {
  const gates = [withResolvers<readonly UrlEntry[]>(), withResolvers<readonly UrlEntry[]>()];
  let requests = 0;
  const list = async (): Promise<readonly UrlEntry[] | undefined> => await gates[requests++]?.promise;
  const listings = listingsWith({ list } as unknown as CompleteClient, () => 0);
  const old = listAll(listings, 'http://h/d');
  await nextTurn();
  listings.forget('http://h');
  const next = listAll(listings, 'http://h/d');
  await nextTurn();
  t.is(requests, 2);
  gates[0]?.resolve([entry('old')]);
  t.deepEqual(await old, ['old']);
  t.is(listings.peek('http://h/d'), undefined);
  gates[1]?.resolve([entry('new')]);
  t.deepEqual(await next, ['new']);
  t.is(listings.peek('http://h/d')?.entries.segmentAt(0), 'new');
});
