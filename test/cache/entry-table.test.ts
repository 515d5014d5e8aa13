import test from 'ava';

import { nameOfVersion } from '../../src/cache/disk/layout.js';
import { type CatalogEntry, EntryTable } from '../../src/cache/disk/entry-table.js';
import { Random } from '../support/random.js';

const URL = 'http://h/a';
const ENTRY: CatalogEntry = {
  chargedBytes: 8192,
  usedAtMs: 1_700_000_000_000.25,
  touchedAtMs: 5,
  isPinned: false,
};

function entry(resource: string, version: string): string {
  return nameOfVersion({ resource, version });
}

test('a URL has the entries of all its versions, and no others', (t) => {
  const table = new EntryTable();
  const own = [entry(URL, '1'), entry(URL, '3'), entry(URL, '2')];
  for (const name of [...own, entry('http://h/b', '1')]) table.set(name, ENTRY);
  t.deepEqual(table.ofUrl(URL).toSorted(), own.toSorted());
  t.deepEqual(table.ofUrl('http://h/c'), []);
  const [first = '', second = '', third = ''] = own;
  t.true(table.delete(first));
  t.false(table.delete(first), 'what is not there is not deleted twice');
  t.deepEqual(table.ofUrl(URL).toSorted(), [second, third].toSorted());
  t.true(table.delete(second) && table.delete(third));
  t.deepEqual(table.ofUrl(URL), []);
  table.set(first, ENTRY);
  t.deepEqual(table.ofUrl(URL), [first]);
  t.deepEqual(table.get(first), ENTRY);
});

test('it is what a map in the order of use would be', (t) => {
  const random = new Random(7);
  const table = new EntryTable();
  const map = new Map<string, CatalogEntry>();
  const names = Array.from({ length: 300 }, (_, i) => entry(`http://h/${i % 150}`, `${i}`));
  for (let step = 0; step < 20_000; step += 1) {
    const name = names[random.below(step < 1_000 ? 10 : names.length)] ?? '';
    if (random.below(3) === 0) {
      t.is(table.delete(name), map.delete(name));
    } else {
      const given = {
        chargedBytes: step + 1,
        usedAtMs: step + 0.5,
        touchedAtMs: step,
        isPinned: step % 3 === 0,
      };
      map.delete(name);
      map.set(name, given);
      table.set(name, given);
      if (random.below(4) === 0) {
        const changed = names[random.below(names.length)] ?? '';
        const known = map.get(changed);
        if (known !== undefined) map.set(changed, { ...known, isPinned: !known.isPinned });
        table.mark(changed, known?.isPinned === false);
      }
    }
    t.is(table.size, map.size);
    if (step % 500 === 0) {
      t.deepEqual([...table.entries()], [...map]);
      t.deepEqual([...table.names()].toSorted(), [...map.keys()].toSorted());
      const pinned = [...map.values()].filter(({ isPinned }) => isPinned);
      t.is(
        table.pinnedBytes,
        pinned.reduce((sum, { chargedBytes }) => sum + chargedBytes, 0),
      );
      for (const known of names) t.deepEqual(table.get(known), map.get(known));
    }
  }
  const byUse = [...map].toSorted(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
  for (const [name, given] of byUse.toReversed()) table.set(name, given);
  table.sort();
  t.deepEqual([...table.entries()], byUse);
  table.clear();
  t.deepEqual([...table.entries()], []);
  t.false(names.some((name) => table.has(name)));
});
