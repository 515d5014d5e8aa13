import test from 'ava';

import { FsError } from '../../src/mount/fs-error.js';
import { nameOfSegment, segmentOfName } from '../../src/mount/path-name.js';
import { ResourcePath } from '../../src/mount/resource-path.js';

// S8 S9
test('a name stands for the URL segment that a user would expect', (t) => {
  for (const [name, segment] of [
    ['a b', 'a%20b'],
    ['a%20b', 'a%20b'],
    ['100%', '100%25'],
    ['50%zz', '50%25zz'],
    ['#1', '%231'],
    ['a+b', 'a+b'],
    ['ü', '%C3%BC'],
    ['x.bin?sig=a b', 'x.bin?sig=a%20b'],
    ['\udcff', '%FF'],
    ['caf\udce9 ü?\udcff', 'caf%E9%20%C3%BC?%FF'],
  ] as const) {
    t.is(segmentOfName(name), segment);
  }
});

// S11
test('every listed name opens the resource that it was listed for', (t) => {
  const segments = [
    'a%20b',
    '100%25',
    'a%2520b',
    'a%3Fb',
    'a%23b',
    '%FF',
    '%E6%97%A5',
    'a%2Fb',
    "it's",
    'it%27s',
    '%5B',
  ];
  for (const segment of segments) {
    const name = nameOfSegment(segment);
    if (name === undefined) throw new Error(`${segment} has no name`);
    t.is(nameOfSegment(segmentOfName(name)), name, segment);
    t.false(name.includes('/'));
  }
  t.is(nameOfSegment('a%3Fb'), 'a%3Fb');
  t.is(nameOfSegment('caf%e9%C3%BC'), 'caf\udce9ü');
  // An escape sequence to terminals; as a byte alone it is a letter of some other encoding.
  t.is(nameOfSegment('%C2%9B'), '%C2%9B');
  t.is(nameOfSegment('%9B'), '\udc9b');
  t.is(nameOfSegment('a%23b'), 'a#b');
  t.is(nameOfSegment('a%2520b'), 'a%2520b');
});

// S12
test('names that would leave their directory, or are too long, are refused', (t) => {
  for (const name of ['%2e%2e', '%2E', '.%2e', '?x']) {
    t.is(t.throws(() => segmentOfName(name), { instanceOf: FsError })?.code, 'INVALID_NAME', name);
  }
  t.is(t.throws(() => segmentOfName('x'.repeat(256)), { instanceOf: FsError })?.code, 'NAME_TOO_LONG');
  t.notThrows(() => segmentOfName('\udcff'.repeat(255)));
  t.is(t.throws(() => segmentOfName('\udcff'.repeat(256)), { instanceOf: FsError })?.code, 'NAME_TOO_LONG');
  t.is(nameOfSegment('%FF'.repeat(255)), '\udcff'.repeat(255));
  t.is(nameOfSegment('%2e%2e'), undefined);
  t.is(nameOfSegment('%00') ?? '%00', '%00');
});

// S6 S7
test('a host is lower-cased, keeps its port, and carries no credentials', (t) => {
  t.is(ResourcePath.ofHost('http', 'Example.COM:8080').url, 'http://example.com:8080');
  t.is(ResourcePath.ofHost('http', '[::1]:80').url, 'http://[::1]');
  t.is(ResourcePath.ofHost('http', 'example.com%3A8080').url, 'http://example.com:8080');
  t.is(ResourcePath.ofHost('http', '[%3a%3A1]%3a8080').url, 'http://[::1]:8080');
  t.is(t.throws(() => ResourcePath.ofHost('http', 'h%3Ax'), { instanceOf: FsError })?.code, 'NO_ENTRY');
  t.is(t.throws(() => ResourcePath.ofHost('http', 'u:p@h'), { instanceOf: FsError })?.code, 'INVALID_NAME');
  for (const name of ['.git', 'a b', 'h:99999999', 'x..', '-']) {
    t.is(t.throws(() => ResourcePath.ofHost('http', name), { instanceOf: FsError })?.code, 'NO_ENTRY', name);
  }
});
