import test from 'ava';

import { nameOfSegment, nameOfVersion } from '../../src/cache/disk/layout.js';
import { type SegmentEntry, SegmentTable } from '../../src/cache/disk/segment-table.js';
import { Random } from '../support/random.js';

const URL = 'http://h/a';
const ENTRY: SegmentEntry = {
  chargedBytes: 8192,
  usedAtMs: 1_700_000_000_000.25,
  touchedAtMs: 5,
  pinMark: 0,
};

function segment(resource: string, version: string, number: number): string {
  return nameOfSegment(nameOfVersion({ resource, version }), number);
}

test('a URL has the segments of all its versions, and no others', (t) => {
  const table = new SegmentTable();
  const own = [segment(URL, '1', 0), segment(URL, '1', 999_999), segment(URL, '2', 0)];
  for (const name of [...own, segment('http://h/b', '1', 0)]) table.set(name, ENTRY);
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
  const table = new SegmentTable();
  const map = new Map<string, SegmentEntry>();
  const names = Array.from({ length: 300 }, (_, i) => segment(`http://h/${i % 150}`, `${i}`, i % 3));
  for (let step = 0; step < 20_000; step += 1) {
    const name = names[random.below(step < 1_000 ? 10 : names.length)] ?? '';
    if (random.below(3) === 0) {
      t.is(table.delete(name), map.delete(name));
    } else {
      const entry = { chargedBytes: step, usedAtMs: step + 0.5, touchedAtMs: step, pinMark: step % 3 };
      map.delete(name);
      map.set(name, entry);
      table.set(name, entry);
    }
    t.is(table.size, map.size);
    if (step % 500 === 0) {
      t.deepEqual([...table.entries()], [...map]);
      for (const known of names) t.deepEqual(table.get(known), map.get(known));
    }
  }
  const byUse = [...map].toSorted(([, a], [, b]) => a.usedAtMs - b.usedAtMs);
  for (const [name, entry] of byUse.toReversed()) table.set(name, entry);
  table.sort();
  t.deepEqual([...table.entries()], byUse);
  table.clear();
  t.deepEqual([...table.entries()], []);
  t.false(names.some((name) => table.has(name)));
});
