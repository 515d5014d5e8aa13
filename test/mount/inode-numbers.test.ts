import test from 'ava';

import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { type Fingerprint, InodeNumbers, mtimeOf } from '../../src/mount/inode-numbers.js';

const FILE = 'http://h/f';
const MINUTE_MS = 60_000;

function start(): InodeNumbers {
  return new InodeNumbers(new MetadataBudget(1024 * 1024), () => 5);
}

// S31
test('a file keeps its number until two reports of it contradict each other', (t) => {
  const reports: readonly (readonly [Fingerprint, Fingerprint, boolean])[] = [
    [{}, { size: 1 }, true],
    [{ size: 1 }, {}, true],
    [{ size: 1 }, { size: 1 }, true],
    [{ size: 1 }, { size: 2 }, false],
    [{ size: 0 }, { size: 2 }, false],
    [{ size: 1, version: 'a' }, { size: 1, version: 'b' }, false],
    [{ size: undefined, version: 'a' }, { size: 2, version: 'a' }, true],
    [{ mtimeMs: 1_000 }, { mtimeMs: 1_001 }, false],
    [{ mtimeMs: 1_000 }, { size: 1 }, true],
    [{ mtimeMs: 1_000 }, { mtimeMs: 1_000, size: 1 }, true],
    [{ mtimeMs: 1_000, size: 1 }, { mtimeMs: 1_000, mtimePrecisionMs: 1_000 }, true],
    [{ size: 1 }, { mtimeMs: 1_000 }, true],
    [{ mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }, { mtimeMs: 59_000, mtimePrecisionMs: 1_000 }, true],
    [{ mtimeMs: 59_000, mtimePrecisionMs: 1_000 }, { mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }, true],
    [{ mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }, { mtimeMs: MINUTE_MS, mtimePrecisionMs: 1_000 }, false],
    [{ mtimeMs: 61_000, mtimePrecisionMs: 1_000 }, { mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }, false],
  ];
  for (const [first, second, isSame] of reports) {
    const numbers = start();
    const { ino } = numbers.ofFile(FILE, first);
    t.is(numbers.ofFile(FILE, second).ino === ino, isSame, JSON.stringify([first, second]));
  }
});

// S31
test('what one report leaves out is kept from those before it', (t) => {
  const numbers = start();
  const { ino } = numbers.ofFile(FILE, { size: 1 });
  numbers.ofFile(FILE, { mtimeMs: 1_000, mtimePrecisionMs: 1_000 });
  const found = numbers.ofFile(FILE, { version: 'a' });
  t.deepEqual(found.fingerprint, { size: 1, mtimeMs: 1_000, mtimePrecisionMs: 1_000, version: 'a' });
  t.is(numbers.ofFile(FILE, { size: 1 }), found);
  t.deepEqual(found.fingerprint, { size: 1, mtimeMs: 1_000, mtimePrecisionMs: 1_000, version: 'a' });
  t.deepEqual(numbers.ofFile(FILE, { size: 2, version: 'a' }).fingerprint.size, 2, 'the newer one');
  t.is(found.ino, ino);
  const seen = new Set([ino, ...['b', 'c', 'd'].map((version) => numbers.ofFile(FILE, { version }).ino)]);
  t.is(seen.size, 4);
});

// S31
test('a fact that a report leaves out still distinguishes the next version from this one', (t) => {
  const numbers = start();
  const { ino } = numbers.ofFile(FILE, { version: 'a' });
  t.is(numbers.ofFile(FILE, { mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }).ino, ino);
  t.not(numbers.ofFile(FILE, { version: 'b' }).ino, ino);
  const listed = `${FILE}2`;
  const first = numbers.ofFile(listed, { mtimeMs: 0, mtimePrecisionMs: MINUTE_MS }).ino;
  t.is(numbers.ofFile(listed, { mtimeMs: 0, mtimePrecisionMs: 1_000 }).ino, first);
  t.not(numbers.ofFile(listed, { mtimeMs: 30_000, mtimePrecisionMs: 1_000 }).ino, first, 'exact by now');
});

// S29 S30
test('a time to the minute is replaced by the exact one, and an unknown one is when the file was first seen', (t) => {
  const numbers = start();
  t.is(mtimeOf(numbers.ofFile(FILE, { mtimeMs: 0, mtimePrecisionMs: MINUTE_MS })), 0);
  t.is(mtimeOf(numbers.ofFile(FILE, { mtimeMs: 7_000, mtimePrecisionMs: 1_000 })), 7_000);
  t.is(mtimeOf(numbers.ofFile(`${FILE}2`, { size: 1 })), 5);
  t.is(numbers.ofDirectory('http://h').mtimeMs, 5);
});

// S33
test('of a directory what was reported last stays, where another answer does not have it', (t) => {
  const numbers = start();
  const { ino } = numbers.ofDirectory('http://h/d/');
  t.deepEqual(numbers.ofDirectory('http://h/d/', { mtimeMs: 7, permissions: 0o750 }), {
    ino,
    mtimeMs: 7,
    permissions: 0o750,
  });
  const unknown = { mtimeMs: undefined, permissions: undefined };
  t.is(numbers.ofDirectory('http://h/d/', unknown).mtimeMs, 7);
  t.is(numbers.ofDirectory('http://h/d/').permissions, 0o750);
  t.is(numbers.ofDirectory('http://h/d/', { mtimeMs: 8, permissions: undefined }).mtimeMs, 8);
  t.is(numbers.ofDirectory('http://h/e/', unknown).mtimeMs, 5);
});

test('a number is of 52 bits, and the same in the next mount', (t) => {
  const inos = Array.from({ length: 500 }, (_, i) => start().ofFile(`${FILE}${i}`, {}).ino);
  t.is(new Set(inos).size, inos.length);
  t.true(inos.every((ino) => ino > 1 && ino < 2 ** 52));
  t.true(inos.some((ino) => ino >= 2 ** 51));
  t.deepEqual(
    inos,
    inos.map((_, i) => start().ofFile(`${FILE}${i}`, {}).ino),
  );
});
