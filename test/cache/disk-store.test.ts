import { chmodSync, fstatSync, readFileSync, readlinkSync, readSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  BLOCK_BYTES,
  opened,
  openStore,
  readAll,
  Sample,
  storeFiles,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

/** What a descriptor is open to. Another file may have its number, or that of its inode, a moment later. */
function targetOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}

test('what was written is read, and nothing else is there', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const sample = new Sample('a', 10 * BLOCK_BYTES + 100);
  const version = await opened(store, sample);
  t.is(version.storedBytes, 0);
  t.false(version.has(0));
  t.true(await write(version, 2, sample.blocks(2, 3)));
  t.true(await write(version, 10, sample.blocks(10, 1)));
  t.deepEqual(
    Array.from({ length: 12 }, (_, index) => version.has(index)),
    [false, false, true, true, true, false, false, false, false, false, true, false],
  );
  t.is(version.storedBytes, 3 * BLOCK_BYTES + 100);
  t.deepEqual(await readAll(t, version, sample), { right: 4, wrong: 0 });
  t.deepEqual(await version.read(1, sample.targets(1, 2)), [false, true]);
  t.is(version.localFd(), undefined);
});

test('what lies outside, or has another length, is neither stored nor right', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const sample = new Sample('a', 3 * BLOCK_BYTES + 100);
  const version = await opened(store, sample);
  t.false(await write(version, 0, [sample.block(0).subarray(1)]));
  t.false(await write(version, 3, [sample.block(0)]));
  t.false(await write(version, 4, [sample.block(0)]));
  t.is(version.storedBytes, 0);
  t.true(await write(version, 0, sample.blocks(0, 4)));
  const targets = [...sample.targets(2, 2), Buffer.alloc(BLOCK_BYTES), Buffer.alloc(1)];
  t.deepEqual(await version.read(2, targets), [true, true, false, false]);
  t.deepEqual(await version.read(0, [Buffer.alloc(7)]), [false]);
  t.false(version.has(4));
  t.true(version.has(0));
  version.close();
});

test('separate buffers, and a run longer than one system call takes', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t), { blockBytes: 16 });
  const sample = new Sample('a', 16 * 2500, '1', 16);
  const version = await opened(store, sample);
  t.true(await write(version, 0, sample.blocks(0, 2500)));
  const targets = Array.from({ length: 2500 }, () => Buffer.alloc(16));
  const right = await version.read(0, targets);
  t.true(right.every(Boolean));
  t.deepEqual(Buffer.concat(targets), sample.bytes());
});

test('what was written is there after a restart, with the facts', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a?x=1', 20 * BLOCK_BYTES);
  const first = await openStore(directory);
  const written = await opened(first, sample);
  t.true(await write(written, 3, sample.blocks(3, 9)));
  written.close();
  await first.close();

  const store = await storeFor(t, directory);
  t.deepEqual((await store.newest(sample.key.resource))?.facts, sample.facts);
  const version = await opened(store, sample);
  t.is(version.storedBytes, 9 * BLOCK_BYTES);
  t.deepEqual(await readAll(t, version, sample), { right: 9, wrong: 0 });
  t.true(await write(version, 0, sample.blocks(0, 3)));
  t.true(version.has(0));
});

test('a version of a long URL is stored, one of an absurdly long URL is not', async (t) => {
  const directory = await temporaryDirectory(t);
  const long = new Sample('x'.repeat(14_000), 10_000);
  const tooLong = new Sample('x'.repeat(17_000), 10_000);
  const first = await openStore(directory);
  for (const sample of [long, tooLong]) {
    const version = await opened(first, sample);
    t.is(await write(version, 0, sample.blocks(0, sample.blockCount)), sample === long);
    version.close();
  }
  await first.close();
  const store = await storeFor(t, directory);
  t.deepEqual(await readAll(t, await opened(store, long), long), { right: long.blockCount, wrong: 0 });
  t.deepEqual((await store.newest(long.key.resource))?.facts, long.facts);
  t.is(storeFiles(directory).length, 2);
});

test('files are for this user alone', async (t) => {
  const directory = join(await temporaryDirectory(t), 'made', 'here');
  const store = await storeFor(t, directory);
  const sample = new Sample('a', BLOCK_BYTES);
  t.true(await write(await opened(store, sample), 0, sample.blocks(0, 1)));
  for (const path of [directory, join(directory, LAYOUT_DIRECTORY)]) t.is(statSync(path).mode & 0o777, 0o700);
  const files = storeFiles(directory);
  t.is(files.length, 2);
  for (const file of files) t.is(statSync(file).mode & 0o777, 0o600);
});

test('a complete version has a local copy, read-only, also after a restart', async (t) => {
  const directory = await temporaryDirectory(t);
  for (const blocks of [3, 600]) {
    const sample = new Sample(`f${blocks}`, blocks * BLOCK_BYTES - 1);
    const first = await openStore(directory);
    const written = await opened(first, sample);
    t.true(await write(written, 0, sample.blocks(0, blocks - 1)));
    t.is(written.localFd(), undefined);
    t.true(await write(written, blocks - 1, sample.blocks(blocks - 1, 1)));
    await until(() => written.localFd() !== undefined);
    written.close();
    await first.close();

    const store = await openStore(directory);
    const version = await opened(store, sample);
    const fd = version.localFd() ?? -1;
    t.is(fstatSync(fd).size, sample.facts.sizeBytes);
    const bytes = Buffer.alloc(sample.facts.sizeBytes);
    t.is(readSync(fd, bytes, 0, bytes.length, 0), bytes.length);
    t.true(bytes.equals(sample.bytes()));
    t.is(version.localFd(), fd);
    t.regex(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'), /flags:\t0[0-7]*0\n/);
    await store.close();
    t.is(fstatSync(fd).size, sample.facts.sizeBytes);
    const target = targetOf(fd);
    version.close();
    await until(() => targetOf(fd) !== target);
  }
});

test('an empty file is stored, and complete', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('empty', 0);
  const first = await openStore(directory);
  const version = await opened(first, sample);
  t.is(fstatSync(version.localFd() ?? -1).size, 0);
  version.close();
  await first.close();
  const store = await storeFor(t, directory);
  t.deepEqual((await store.newest(sample.key.resource))?.facts, sample.facts);
});

test('the version that was confirmed last is the newest, after a restart too', async (t) => {
  const directory = await temporaryDirectory(t);
  const samples = ['1', '2', '3'].map((version) => new Sample('a', BLOCK_BYTES, version));
  const [one, two, three] = samples;
  if (one === undefined || two === undefined || three === undefined) return t.fail();
  let store = await openStore(directory);
  t.is(await store.newest(one.key.resource), undefined);
  for (const sample of samples) {
    const version = await opened(store, sample);
    t.true(await write(version, 0, sample.blocks(0, 1)));
    version.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  t.deepEqual((await store.newest(one.key.resource))?.facts, three.facts);
  const before = Date.now();
  store.confirm(two.key, two.facts);
  for (let round = 0; round < 2; round += 1) {
    const newest = await store.newest(one.key.resource);
    t.deepEqual(newest?.facts, two.facts);
    t.true((newest?.confirmedAtMs ?? 0) >= before && (newest?.confirmedAtMs ?? 0) <= before + 1000);
    await store.close();
    store = await openStore(directory);
  }
  store.drop(two.key);
  t.deepEqual((await store.newest(one.key.resource))?.facts, three.facts);
  await store.close();
});

test('a dropped version is gone at once, and its space too', async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await storeFor(t, directory);
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const version = await opened(store, sample);
  t.true(await write(version, 0, sample.blocks(0, 4)));
  store.drop(sample.key);
  t.false(version.has(0));
  t.false(await write(version, 0, sample.blocks(0, 4)));
  t.is(await store.newest(sample.key.resource), undefined);
  t.deepEqual(storeFiles(directory), []);
  t.is(store.usedBytes, 0);
  // The source may come back to it.
  const again = await opened(store, sample);
  t.is(again.storedBytes, 0);
  t.true(await write(again, 0, sample.blocks(0, 4)));
  t.deepEqual(await readAll(t, again, sample), { right: 4, wrong: 0 });
  t.false(version.has(0));
});

test('what was handed out stays readable when the version is dropped, and counts until it is closed', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const version = await opened(store, sample);
  t.true(await write(version, 0, sample.blocks(0, 4)));
  await until(() => version.localFd() !== undefined);
  const fd = version.localFd() ?? -1;
  store.drop(sample.key);
  t.is(await store.newest(sample.key.resource), undefined);
  t.true(store.usedBytes >= 4 * BLOCK_BYTES);
  const bytes = Buffer.alloc(4 * BLOCK_BYTES);
  readSync(fd, bytes, 0, bytes.length, 0);
  t.true(bytes.equals(sample.bytes()));
  const target = targetOf(fd);
  t.regex(target ?? '', / \(deleted\)$/);
  version.close();
  await until(() => store.usedBytes === 0);
  await until(() => targetOf(fd) !== target);
});

test('several openings share one version', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const sample = new Sample('a', 4 * BLOCK_BYTES);
  const [one, two] = [await opened(store, sample), await opened(store, sample)];
  t.true(await write(one, 0, sample.blocks(0, 4)));
  one.close();
  t.false(one.has(0));
  t.deepEqual(await one.read(0, sample.targets(0, 1)), [false]);
  t.deepEqual(await readAll(t, two, sample), { right: 4, wrong: 0 });
});

// S48
test('a version without validators is not stored', async (t) => {
  const store = await storeFor(t, await temporaryDirectory(t));
  const { key, facts } = new Sample('a', 10);
  const unverifiable = { ...facts, version: { ...facts.version, verifiable: false } };
  t.is(await store.open(key, unverifiable), undefined);
  t.is(await store.open({ ...key, version: 'another' }, facts), undefined);
  t.is(await store.open(key, { ...facts, sizeBytes: -1 }), undefined);
  await store.close();
  t.is(await store.open(key, facts), undefined);
});

test('foreign files and other layouts are left alone', async (t) => {
  const directory = await temporaryDirectory(t);
  const foreign = ['v2/ab/x.data', 'v1/notes.txt', 'v1/ab/readme', 'v1/zz/orphan.data', 'v1/cd'];
  for (const path of foreign) {
    await mkdir(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), 'foreign');
  }
  const sample = new Sample('a', BLOCK_BYTES);
  const store = await storeFor(t, directory);
  t.true(await write(await opened(store, sample), 0, sample.blocks(0, 1)));
  for (const path of foreign) t.is(readFileSync(join(directory, path), 'utf8'), 'foreign');
});

test('used bytes are what the files allocate', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory);
  for (let file = 0; file < 20; file += 1) {
    const sample = new Sample(`f${file}`, 8 * BLOCK_BYTES);
    const version = await opened(first, sample);
    t.true(await write(version, 1, sample.blocks(1, 1 + (file % 3))));
    version.close();
  }
  t.is(first.usedBytes, allocatedBytes(directory));
  await first.close();
  const store = await storeFor(t, directory);
  await until(() => store.usedBytes === allocatedBytes(directory));
  t.pass();
});

test('modes that others can read are taken back', async (t) => {
  const directory = await temporaryDirectory(t);
  await mkdir(join(directory, LAYOUT_DIRECTORY));
  chmodSync(join(directory, LAYOUT_DIRECTORY), 0o755);
  await storeFor(t, directory);
  t.is(statSync(join(directory, LAYOUT_DIRECTORY)).mode & 0o777, 0o700);
});
