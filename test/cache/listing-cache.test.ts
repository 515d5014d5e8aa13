import test from 'ava';

import { ListingCache, splitUrl } from '../../src/cache/listing-cache.js';
import type { CompleteClient, UrlEntry } from '../../src/source/index.js';

function entry(name: string, facts: Partial<UrlEntry> = {}): UrlEntry {
  return { name, url: new URL(`http://h/d/${name}`), isDir: false, ...facts };
}

function listingsOf(entries: readonly UrlEntry[]): {
  listings: ListingCache;
  asked: string[];
  clock: { now: number };
} {
  const asked: string[] = [];
  const clock = { now: 0 };
  const client = {
    list: ({ url }: { url: URL }) => {
      asked.push(url.href);
      return Promise.resolve(entries);
    },
  } as unknown as CompleteClient;
  const clientFor = (): Promise<CompleteClient> => Promise.resolve(client);
  return { listings: new ListingCache({ ttlMs: 1_000, clientFor, now: () => clock.now }), asked, clock };
}

test('what is named twice, in one spelling or two, is one entry: the last', async (t) => {
  const { listings } = listingsOf([
    entry('it%27s', { size: 1 }),
    entry('b', { size: 2 }),
    entry("it's", { size: 3 }),
    entry('b', { isDir: true }),
  ]);
  const { entries } = await listings.list('http://h/d');
  t.deepEqual(
    entries.map(({ segment, stat }) => [segment, typeof stat === 'object' ? stat.kind : stat]),
    [
      ["it's", 'file'],
      ['b', 'directory'],
    ],
  );
  for (const spelling of ["it's", 'it%27s', 'i%74%27s']) {
    t.is(listings.peekEntry(`http://h/d/${spelling}`)?.entry, entries[0], spelling);
  }
});

test('a listing is trusted for its time, and tells nothing of what it does not name', async (t) => {
  const { listings, asked, clock } = listingsOf([entry('a'), entry('b%3Fc')]);
  await Promise.all([listings.list('http://h/d'), listings.list('http://h/d')]);
  t.is(listings.peekEntry('http://h/d/a')?.entry.stat, 'unknown-file');
  t.is(listings.peekEntry('http://h/d/b%3fc')?.entry.segment, 'b%3Fc');
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
  clock.now = 1_000;
  t.is(listings.peekEntry('http://h/d/a'), undefined);
  await listings.list('http://h/d');
  t.deepEqual(asked, ['http://h/d/', 'http://h/d/']);
  listings.forget('http://h');
  t.is(listings.peek('http://h/d'), undefined);
});

test('a URL is a name in a directory', (t) => {
  t.deepEqual(splitUrl('http://h/a/b'), { parent: 'http://h/a', segment: 'b' });
  t.deepEqual(splitUrl('http://h/a?x=/y?z'), { parent: 'http://h', segment: 'a?x=/y?z' });
  t.is(splitUrl('http://h').parent, undefined);
  t.is(splitUrl('http://h?x=/y').parent, undefined);
});
