import test from 'ava';

import { SiblingListing } from '../../src/mount/sibling-listing.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

interface Fixture {
  readonly clock: { ms: number };
  readonly listed: string[];
  readonly siblings: SiblingListing;
}

function start(list: () => Promise<void> = () => Promise.resolve()): Fixture {
  const clock = { ms: 1_000_000 };
  const listed: string[] = [];
  const cache = {
    prefetchListing: (url: string) => {
      listed.push(url);
      return list();
    },
  };
  return { clock, listed, siblings: new SiblingListing(cache, MetadataBudget.beside(0), () => clock.ms) };
}

// S27
test('a directory is listed when four of its files were used', (t) => {
  const { listed, siblings } = start();
  for (const name of ['a', 'b', 'c']) siblings.used(`http://h/dir/${name}`);
  siblings.used('http://h/other/a');
  t.deepEqual(listed, []);
  siblings.used('http://h/dir/d');
  t.deepEqual(listed, ['http://h/dir']);
});

test('one file that is used again and again is no reason to list', (t) => {
  const { listed, siblings } = start();
  for (let i = 0; i < 20; i += 1) siblings.used('http://h/dir/a');
  t.deepEqual(listed, []);
});

test('a directory that cannot be listed is left alone for a while', async (t) => {
  const { clock, listed, siblings } = start(() => Promise.reject(new Error('404')));
  const useAll = (): void => {
    for (const name of 'abcdefgh') siblings.used(`http://h/dir/${name}`);
  };
  useAll();
  await Promise.resolve();
  useAll();
  t.is(listed.length, 1);
  clock.ms += 60_000;
  useAll();
  t.is(listed.length, 2);
});
