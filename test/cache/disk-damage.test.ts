import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import { RECORD_BYTES } from '../../src/cache/disk/index-file.js';
import { filePath, LAYOUT_DIRECTORY, nameOfVersion } from '../../src/cache/disk/layout.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  BLOCK_BYTES,
  localBytes,
  opened,
  openStore,
  readAll,
  Sample,
  storeFiles,
  stored,
  storeFor,
  until,
  write,
} from './disk-store-support.js';
import { flipBit } from './flip-bit.js';

test.beforeEach((t) => t.timeout(240_000));

/** Numbers that look random and are the same in every run (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Zeros, as a power loss leaves them where bytes were promised and never written. */
function zero(file: string, from: number, bytes: number): void {
  const content = readFileSync(file);
  writeFileSync(file, content.fill(0, from, Math.min(content.length, from + bytes)));
}

function fileOf(directory: string, suffix: 'data' | 'index'): string {
  const [file] = storeFiles(directory, suffix);
  if (file === undefined) throw new Error(`there is no ${suffix} file`);
  return file;
}

/** Nothing that the store gives is wrong, and the store can be filled again. */
async function checkAndRefill(t: ExecutionContext, store: DiskStore, sample: Sample): Promise<void> {
  const version = await opened(store, sample);
  const before = localBytes(version, sample);
  if (before !== undefined && !before.equals(sample.bytes())) t.fail('the local copy has wrong bytes');
  await readAll(t, version, sample);
  if (!(await write(version, 0, sample.blocks(0, sample.blockCount)))) t.fail('cannot be stored again');
  const { right, wrong } = await readAll(t, version, sample);
  if (right !== sample.blockCount || wrong !== 0) t.fail('was not stored again');
  await until(() => version.localFd() !== undefined);
  if (localBytes(version, sample)?.equals(sample.bytes()) !== true) t.fail('the new local copy is wrong');
  version.close();
}

// S53
test('flipped bits and lost ranges never give wrong bytes', async (t) => {
  const directory = await temporaryDirectory(t);
  const random = numbers(1);
  for (let round = 0; round < 200; round += 1) {
    const sample = new Sample(`f${round % 10}`, 12 * BLOCK_BYTES + 5);
    await stored(directory, sample, 1 + random(13));
    const files = storeFiles(directory);
    for (let flips = 1 + random(6); flips > 0; flips -= 1) {
      // Index files are small: else most bits would be of data.
      const suffix = random(2) === 0 ? 'data' : 'index';
      const ofKind = files.filter((file) => file.endsWith(suffix));
      const file = ofKind[random(ofKind.length)] ?? '';
      const { size } = statSync(file);
      if (random(4) > 0) flipBit(file, random(size * 8));
      else zero(file, random(size), 1 + random(size));
    }
    const store = await openStore(directory);
    for (let name = 0; name < Math.min(round, 10); name += 1) {
      const other = new Sample(`f${name}`, sample.facts.sizeBytes);
      const version = await opened(store, other);
      await readAll(t, version, other);
      version.close();
    }
    await checkAndRefill(t, store, sample);
    await store.close();
  }
  t.pass();
});

test('flipped bits in large files never give wrong bytes, nor a wrong local copy', async (t) => {
  const directory = await temporaryDirectory(t);
  const random = numbers(2);
  const sample = new Sample('large', 300 * BLOCK_BYTES + 5);
  for (let round = 0; round < 40; round += 1) {
    await stored(directory, sample);
    const file = fileOf(directory, random(3) === 0 ? 'index' : 'data');
    flipBit(file, random(statSync(file).size * 8));
    const store = await openStore(directory);
    await checkAndRefill(t, store, sample);
    await store.close();
  }
  t.pass();
});

test('a wrong block is forgotten, alone and for good', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 10 * BLOCK_BYTES);
  await stored(directory, sample);
  flipBit(fileOf(directory, 'data'), (3 * BLOCK_BYTES + 17) * 8);
  const first = await openStore(directory);
  const version = await opened(first, sample);
  const right = await version.read(0, sample.targets(0, 10));
  t.deepEqual(
    right,
    Array.from({ length: 10 }, (_, index) => index !== 3),
  );
  t.is(version.localFd(), undefined);
  await first.close();
  const store = await storeFor(t, directory);
  const again = await opened(store, sample);
  t.false(again.has(3));
  t.is(again.storedBytes, 9 * BLOCK_BYTES);
});

test('a wrong record is skipped, alone', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 10 * BLOCK_BYTES);
  await stored(directory, sample);
  const index = fileOf(directory, 'index');
  for (const byteOfRecord of [0, 3, 4, 7]) {
    const good = readFileSync(index);
    flipBit(index, (statSync(index).size - 4 * RECORD_BYTES + byteOfRecord) * 8);
    const store = await openStore(directory);
    const version = await opened(store, sample);
    t.deepEqual(await readAll(t, version, sample), { right: 9, wrong: 0 });
    t.false(version.has(6));
    await store.close();
    writeFileSync(index, good);
  }
});

test('an index that is cut at any byte is read as far as it goes, and completed', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory);
  // As long as the longest name of a sample makes the index.
  const samples = Array.from(
    { length: 600 },
    (_, i) => new Sample(`a${String(i).padStart(3, '0')}`, 5 * BLOCK_BYTES),
  );
  await Promise.all(
    samples.map(async (sample) => {
      const version = await opened(first, sample);
      await write(version, 0, sample.blocks(0, 5));
      version.close();
    }),
  );
  await first.close();
  const cut = samples.map((sample, length) => {
    const index = filePath(join(directory, LAYOUT_DIRECTORY), nameOfVersion(sample.key), 'index');
    const { size } = statSync(index);
    truncateSync(index, Math.min(length, size));
    return Math.max(0, 5 - Math.ceil(Math.max(0, size - length) / RECORD_BYTES));
  });
  t.true(cut[0] === 0 && cut.at(-1) === 5);
  for (const expected of [cut, cut.map(() => 5)]) {
    const store = await openStore(directory);
    for (const [i, sample] of samples.entries()) {
      const version = await opened(store, sample);
      const found = await readAll(t, version, sample);
      const isRight = found.right === expected[i] && found.wrong === 0;
      if (!isRight) t.fail(`length ${i}: ${found.right} instead of ${expected[i]}`);
      t.true(await write(version, 0, sample.blocks(0, 5)));
      version.close();
    }
    await store.close();
  }
});

test('data of any length is read as far as it goes', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 5 * BLOCK_BYTES);
  for (const bytes of [0, 1, BLOCK_BYTES, 3 * BLOCK_BYTES - 1, 5 * BLOCK_BYTES - 1]) {
    await stored(directory, sample);
    truncateSync(fileOf(directory, 'data'), bytes);
    const store = await openStore(directory);
    const version = await opened(store, sample);
    const right = await version.read(0, sample.targets(0, 5));
    t.is(right.filter(Boolean).length, Math.floor(bytes / BLOCK_BYTES));
    await checkAndRefill(t, store, sample);
    await store.close();
  }
});

test('after a torn record the next ones count', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 10 * BLOCK_BYTES);
  await stored(directory, sample, 4);
  appendFileSync(fileOf(directory, 'index'), Buffer.alloc(RECORD_BYTES - 3, 0x55));
  const first = await openStore(directory);
  const version = await opened(first, sample);
  t.true(await write(version, 4, sample.blocks(4, 6)));
  version.close();
  await first.close();
  const store = await storeFor(t, directory);
  t.deepEqual(await readAll(t, await opened(store, sample), sample), { right: 10, wrong: 0 });
});

test('half of a pair is removed at the start', async (t) => {
  const directory = await temporaryDirectory(t);
  const samples = ['a', 'b', 'c'].map((name) => new Sample(name, BLOCK_BYTES));
  for (const sample of samples) await stored(directory, sample);
  const [data, index] = [storeFiles(directory, 'data')[0] ?? '', storeFiles(directory, 'index')[1] ?? ''];
  rmSync(data);
  rmSync(index);
  const store = await storeFor(t, directory);
  await until(() => storeFiles(directory).length === 2);
  t.false(existsSync(data.replace('.data', '.index')));
  t.false(existsSync(index.replace('.index', '.data')));
  await until(() => store.usedBytes === allocatedBytes(directory));
});

test('an index that is not the version’s own is removed', async (t) => {
  const directory = await temporaryDirectory(t);
  const [a, b] = [new Sample('a', 2 * BLOCK_BYTES), new Sample('b', 2 * BLOCK_BYTES)];
  await stored(directory, a);
  const [indexOfA, dataOfA] = [fileOf(directory, 'index'), fileOf(directory, 'data')];
  await stored(directory, b);
  const indexOfB = storeFiles(directory, 'index').find((file) => file !== indexOfA) ?? '';
  copyFileSync(indexOfA, indexOfB);
  const store = await storeFor(t, directory);
  const version = await opened(store, b);
  t.is(version.storedBytes, 0);
  await until(() => !existsSync(indexOfB));
  t.true(existsSync(dataOfA));
  await checkAndRefill(t, store, b);
});

test('a stamp that holds hands out a large file at once', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('large', 1000 * BLOCK_BYTES);
  await stored(directory, sample);
  const store = await storeFor(t, directory);
  const version = await opened(store, sample);
  t.true(localBytes(version, sample)?.equals(sample.bytes()));
  version.close();
});

test('a verified file is handed out whatever its records say, and blocks are read only by their records', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('large', 1000 * BLOCK_BYTES);
  await stored(directory, sample);
  const index = fileOf(directory, 'index');
  flipBit(index, (statSync(index).size - 4 * RECORD_BYTES) * 8);
  const store = await storeFor(t, directory);
  const version = await opened(store, sample);
  t.true(localBytes(version, sample)?.equals(sample.bytes()));
  t.deepEqual(await readAll(t, version, sample), { right: 999, wrong: 0 });
  t.false(version.has(996));
  t.is(version.storedBytes, 999 * BLOCK_BYTES);
  await checkAndRefill(t, store, sample);
  version.close();
});

for (const blocks of [10, 300]) {
  test(`a file of ${blocks} blocks that has become longer is not handed out, and its blocks are right`, async (t) => {
    const directory = await temporaryDirectory(t);
    const sample = new Sample('a', blocks * BLOCK_BYTES + 5);
    await stored(directory, sample);
    appendFileSync(fileOf(directory, 'data'), Buffer.alloc(10_000, 'x'));
    for (let opening = 0; opening < 3; opening += 1) {
      const store = await openStore(directory);
      const version = await opened(store, sample);
      t.is(version.localFd(), undefined);
      const { right, wrong } = await readAll(t, version, sample);
      t.deepEqual({ right, wrong }, { right: sample.blockCount, wrong: 0 });
      await sleep(100);
      t.is(version.localFd(), undefined);
      version.close();
      await store.close();
    }
  });
}

// S54
test('a large file that was touched is handed out after it was read through', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('large', 1000 * BLOCK_BYTES);
  await stored(directory, sample);
  const data = fileOf(directory, 'data');
  const { atime, mtime } = statSync(data);
  utimesSync(data, atime, mtime);
  for (const isStamped of [false, true]) {
    const store = await openStore(directory);
    const version = await opened(store, sample);
    t.is(version.localFd() !== undefined, isStamped);
    await until(() => version.localFd() !== undefined);
    t.true(localBytes(version, sample)?.equals(sample.bytes()));
    version.close();
    await store.close();
  }
  // The same times, and one bit: only the ctime differs.
  flipBit(data, 8 * 500_000);
  utimesSync(data, atime, mtime);
  const store = await storeFor(t, directory);
  const version = await opened(store, sample);
  t.is(version.localFd(), undefined);
  await until(() => version.storedBytes < sample.facts.sizeBytes);
  t.false(version.has(Math.floor(500_000 / BLOCK_BYTES)));
  t.is(version.localFd(), undefined);
});

test('a file that is spoilt while it is open is noticed by the next opening', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('large', 1000 * BLOCK_BYTES);
  const store = await storeFor(t, directory);
  const version = await opened(store, sample);
  t.true(await write(version, 0, sample.blocks(0, 1000)));
  await until(() => version.localFd() !== undefined);
  flipBit(fileOf(directory, 'data'), 8 * 500_000);
  const again = await opened(store, sample);
  t.is(again.localFd(), undefined);
  await until(() => again.storedBytes < sample.facts.sizeBytes);
  t.is(version.localFd(), undefined);
  t.true(await write(again, 0, sample.blocks(0, 1000)));
  await until(() => again.localFd() !== undefined);
  t.true(localBytes(again, sample)?.equals(sample.bytes()));
});

test('a damaged file can be evicted while it is checked', async (t) => {
  const directory = await temporaryDirectory(t);
  const [damaged, newer] = [
    new Sample('damaged', 600 * BLOCK_BYTES),
    new Sample('newer', 1190 * BLOCK_BYTES),
  ];
  const filling = await openStore(directory);
  // So that the check finds the damage before the eviction comes to the file.
  for (let i = 0; i < 300; i += 1) {
    const small = new Sample(`small ${i}`, BLOCK_BYTES);
    const version = await opened(filling, small);
    await write(version, 0, small.blocks(0, 1));
    version.close();
  }
  await filling.close();
  await stored(directory, damaged);
  const data = storeFiles(directory, 'data').find((file) => statSync(file).size > BLOCK_BYTES) ?? '';
  flipBit(data, 0);
  await stored(directory, newer);
  const limitBytes = 1220 * BLOCK_BYTES;
  const store = await storeFor(t, directory, { limitBytes });
  const version = await opened(store, damaged);
  await until(() => store.usedBytes > 0);
  await until(() => store.usedBytes <= limitBytes);
  t.false(storeFiles(directory, 'data').includes(data), 'it is removed');
  version.close();
});
