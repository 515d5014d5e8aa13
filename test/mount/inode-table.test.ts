import test from 'ava';

import { type Attr, makeAttr } from '../../src/mount/attr.js';
import { InodeTable } from '../../src/mount/dev-fuse/inode-table.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { InodeNumbers, mtimeOf } from '../../src/mount/inode-numbers.js';
import type { Node } from '../../src/mount/node.js';
import { ResourcePath } from '../../src/mount/resource-path.js';
import { CountingBudget } from '../support/counting-budget.js';

const HOST = ResourcePath.ofHost('http', 'h');
const attr = (kind: Attr['kind'], ino: number): Attr =>
  makeAttr(kind, ino, 0, 0, { uid: 0, gid: 0, umask: 0 });
const node = (type: 'file' | 'directory' | 'unknown', path = HOST.child('a')): Node => ({
  kind: 'resource',
  type,
  path,
});

// S31
test('a file has a number for each version, a directory has one', (t) => {
  const table = new InodeTable({ kind: 'root' }, attr('directory', 1), MetadataBudget.beside(0));
  const parent = table.refer({ node: node('directory', HOST), attr: attr('directory', 9) }, 'h');
  const versions = [5, 6, 7].map((ino) =>
    table.refer({ node: node('file'), attr: attr('file', ino) }, 'a', parent),
  );
  t.is(new Set(versions.map(({ id }) => id)).size, 3);
  t.true(versions.includes(table.refer({ node: node('file'), attr: attr('file', 6) }, 'a')));
  const directory = table.refer({ node: node('unknown'), attr: attr('directory', 8) }, 'a');
  t.is(table.refer({ node: node('directory'), attr: attr('directory', 8) }, 'a'), directory);
  t.is(table.size, 6);
  const files = table.filesAt('http://h/a');
  t.deepEqual(
    files.map(({ id }) => id),
    versions.map(({ id }) => id).toReversed(),
  );
  t.true(files.every((file) => file.name === 'a' && file.parent === parent));
  // Each place in the row of versions: the middle, the newest, the last.
  for (const [ino, lookups] of [
    [6, 2],
    [7, 1],
    [5, 1],
  ] as const) {
    const inode = versions.find((version) => version.attr.ino === ino);
    if (inode === undefined) throw new Error('no such version');
    table.forget(inode.id, lookups - 1);
    t.is(table.get(inode.id), inode);
    table.forget(inode.id, 1);
    t.throws(() => table.get(inode.id));
    t.false(table.filesAt('http://h/a').some(({ id }) => id === inode.id));
  }
  t.deepEqual(table.filesAt('http://h/a'), []);
  t.is(table.get(directory.id), directory);
  t.is(table.size, 3);
});

test('what is pruned was used longest ago, and is neither open nor pruned yet', (t) => {
  const table = new InodeTable({ kind: 'root' }, attr('directory', 1), MetadataBudget.beside(0));
  const host = table.refer({ node: node('directory', HOST), attr: attr('directory', 9) }, 'h');
  const files = ['a', 'b', 'c', 'd'].map((name, i) => {
    const path = HOST.child(name);
    return table.refer({ node: node('file', path), attr: attr('file', 10 + i) }, name, host);
  });
  const [a, b] = files;
  if (a === undefined || b === undefined) return t.fail();
  b.opens = 1;
  table.use(a);
  const names = (count: number): string[] =>
    table.oldestUnused(count).map((inode) => {
      inode.isPruned = true;
      return inode.name;
    });
  t.deepEqual(names(2), ['c', 'd'], 'the root, the directory that has something in it and the open one stay');
  t.deepEqual(names(5), ['a'], 'what was used is among the last');
  t.deepEqual(names(10), []);
  b.opens = 0;
  t.deepEqual(names(10), ['b']);
  table.use(a);
  t.deepEqual(names(10), ['a'], 'what is used again can be pruned again');
});

test('a directory is pruned when the kernel has forgotten what is in it', (t) => {
  const table = new InodeTable({ kind: 'root' }, attr('directory', 1), MetadataBudget.beside(0));
  const host = table.refer({ node: node('directory', HOST), attr: attr('directory', 9) }, 'h');
  const below = HOST.child('a');
  const outer = table.refer({ node: node('directory'), attr: attr('directory', 8) }, 'a', host);
  const inner = table.refer(
    { node: node('unknown', below.child('b')), attr: attr('directory', 7) },
    'b',
    outer,
  );
  for (const [inode, then] of [
    [inner, [inner]],
    [outer, [outer]],
    [host, [host]],
  ] as const) {
    t.deepEqual(table.oldestUnused(10), [...then]);
    inode.opens = 1;
    t.deepEqual(table.oldestUnused(10), [], 'it is open');
    inode.opens = 0;
    inode.isPruned = true;
    t.deepEqual(table.oldestUnused(10), []);
    table.retryPruned();
    table.forget(inode.id, 1);
  }
  t.deepEqual(table.oldestUnused(10), [], 'the root stays');
});

test('inodes are charged as long as the kernel knows them', (t) => {
  const budget = new CountingBudget(20_000);
  const table = new InodeTable({ kind: 'root' }, attr('directory', 1), budget);
  const found: number[] = [];
  while (!table.isFull) {
    const path = HOST.child(`${found.length}`);
    found.push(table.refer({ node: node('file', path), attr: attr('file', 10 + found.length) }, 'a').id);
  }
  t.true(budget.usedBytes > 6_666 && budget.usedBytes < 8_000, `${budget.usedBytes}`);
  for (const id of found) table.forget(id, 1);
  t.is(budget.usedBytes, 0);
});

test('a number stays as long as nothing contradicts it, and the time with it', (t) => {
  let now = 1_000;
  const numbers = new InodeNumbers(MetadataBudget.beside(0), () => now);
  const url = 'http://h/a';
  const { ino } = numbers.ofFile(url, { size: 5, mtimeMs: 120_000, mtimePrecisionMs: 60_000 });
  const read = numbers.ofFile(url, { size: 5, mtimeMs: 130_000, mtimePrecisionMs: 1_000, version: 'v' });
  t.is(read.ino, ino);
  t.is(mtimeOf(read), 130_000);
  t.is(numbers.ofFile(url, { version: 'v' }).ino, ino);
  t.is(mtimeOf(numbers.ofFile(url, {})), 130_000);
  now = 2_000;
  const changed = numbers.ofFile(url, { version: 'w' });
  t.not(changed.ino, ino);
  t.is(mtimeOf(changed), 2_000);
  t.not(numbers.ofFile(url, { size: 6, version: 'x' }).ino, changed.ino);
  t.not(numbers.ofFile('http://h/b', {}).ino, ino);
  t.not(numbers.ofDirectory(url).ino, ino);
});

test('an exact time counts exactly after one that was cut', (t) => {
  const numbers = new InodeNumbers(MetadataBudget.beside(0), () => 0);
  const listed = numbers.ofFile('http://h/a', { size: 5, mtimeMs: 120_000, mtimePrecisionMs: 60_000 });
  t.is(numbers.ofFile('http://h/a', { size: 5, mtimeMs: 130_000 }).ino, listed.ino);
  t.not(numbers.ofFile('http://h/a', { size: 5, mtimeMs: 131_000 }).ino, listed.ino);
});

test('an eviction changes no number, neither of the same file nor of another', (t) => {
  const numbers = new InodeNumbers(new MetadataBudget(5_000), () => 0);
  const names = Array.from({ length: 50 }, (_, i) => `http://h/${i}`);
  const inos = (): number[] => names.map((name) => numbers.ofFile(name, { version: 'x' }).ino);
  t.deepEqual(inos(), inos());
});

test('a file that changed while it was evicted gets another number than those that the kernel has', (t) => {
  const numbers = new InodeNumbers(new MetadataBudget(5_000), () => 0);
  const evict = (): void => {
    for (let other = 0; other < 50; other += 1) numbers.ofFile(`http://h/${other}`, { version: 'x' });
  };
  const first = numbers.ofFile('http://h/a', { version: 'one' });
  const second = numbers.ofFile('http://h/a', { version: 'two' });
  numbers.inKernel = (identity) => (identity === 'http://h/a' ? [second, first] : []);
  evict();
  const third = numbers.ofFile('http://h/a', { version: 'three' });
  t.is(new Set([first.ino, second.ino, third.ino]).size, 3);
  evict();
  t.is(numbers.ofFile('http://h/a', { version: 'one' }), first);
});
