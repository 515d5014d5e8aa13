import test from 'ava';

import { nameOfSegment, nameOfVersion } from '../../src/cache/disk/layout.js';
import { SegmentNames } from '../../src/cache/disk/segment-names.js';

const URL = 'http://h/a';

function segment(resource: string, version: string, number: number): string {
  return nameOfSegment(nameOfVersion({ resource, version }), number);
}

test('a URL has the segments of all its versions, and no others', (t) => {
  const names = new SegmentNames();
  const own = [segment(URL, '1', 0), segment(URL, '1', 1), segment(URL, '2', 0)];
  for (const name of [...own, segment('http://h/b', '1', 0)]) names.add(name);
  t.true(names.has(URL));
  t.deepEqual(names.of(URL).toSorted(), own.toSorted());
  t.false(names.has('http://h/c'));
  t.deepEqual(names.of('http://h/c'), []);
});

test('a URL whose last segment is gone has none', (t) => {
  const names = new SegmentNames();
  const [first, second] = [segment(URL, '1', 0), segment(URL, '2', 0)];
  for (const name of [first, second]) names.add(name);
  names.delete(first);
  t.deepEqual(names.of(URL), [second]);
  names.delete(first);
  t.deepEqual(names.of(URL), [second], 'what is not there is not deleted twice');
  names.delete(second);
  t.false(names.has(URL));
  names.add(first);
  t.deepEqual(names.of(URL), [first]);
});

test('URLs whose hashes begin alike share what is told of either', (t) => {
  const names = new SegmentNames();
  const own = segment(URL, '1', 0);
  const alike = own.slice(0, 12) + '0'.repeat(20) + own.slice(32);
  names.add(own);
  names.add(alike);
  t.deepEqual(names.of(URL).toSorted(), [own, alike].toSorted());
  names.delete(own);
  t.true(names.has(URL), 'perhaps: the header of its index tells');
});
