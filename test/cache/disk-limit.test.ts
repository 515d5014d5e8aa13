import { fstatSync, readdirSync, readlinkSync } from 'node:fs';

import test from 'ava';

import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  opened,
  openStore,
  readAll,
  Sample,
  storeFiles,
  storeFilesOf,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

const MIB = 1024 * 1024;

/** Looks at the files again and again. No change can come between two files: this process makes them all. */
function watchUse(directory: string, store: DiskStore): { stop(): { samples: number; mostBytes: number } } {
  let [samples, mostBytes, isStopped] = [0, 0, false];
  const look = (): void => {
    if (isStopped) return;
    samples += 1;
    mostBytes = Math.max(mostBytes, allocatedBytes(directory), store.usedBytes);
    setImmediate(look);
  };
  look();
  return {
    stop: () => {
      isStopped = true;
      return { samples, mostBytes };
    },
  };
}

async function writeWhole(store: DiskStore, sample: Sample, runBlocks = sample.blockCount): Promise<boolean> {
  const version = await opened(store, sample);
  let isStored = true;
  for (let first = 0; first < sample.blockCount; first += runBlocks) {
    const count = Math.min(runBlocks, sample.blockCount - first);
    isStored = (await write(version, first, sample.blocks(first, count))) && isStored;
  }
  version.close();
  return isStored;
}

async function storedBytes(store: DiskStore, sample: Sample): Promise<number> {
  const version = await opened(store, sample);
  const bytes = version.storedBytes;
  version.close();
  return bytes;
}

// S51
test.serial('the limit holds at every moment', async (t) => {
  const directory = await temporaryDirectory(t);
  const limitBytes = 8 * MIB;
  const blockBytes = 16 * 1024;
  const store = await storeFor(t, directory, { limitBytes, blockBytes });
  const watch = watchUse(directory, store);
  const small = Array.from({ length: 5 }, async (_, writer) => {
    for (let file = 0; file < 12; file += 1) {
      const sizeBytes = [1, 3 * MIB, 40_000, 2 * MIB + 17, 700_000][(writer + file) % 5] ?? 1;
      const sample = new Sample(`w${writer}/f${file}`, sizeBytes, '1', blockBytes);
      t.true(await writeWhole(store, sample, 1 + ((file * 7) % 40)));
    }
  });
  const large = new Sample('large', 20 * MIB, '1', blockBytes);
  await Promise.all([...small, writeWhole(store, large, 23)]);
  const { samples, mostBytes } = watch.stop();
  t.true(samples > 500, `${samples} samples`);
  t.true(mostBytes <= limitBytes, `${mostBytes} bytes`);
  t.true(mostBytes > 0.9 * limitBytes, `${mostBytes} bytes`);
  t.is(readdirSync(directory).length, 1);
});

test.serial('single blocks far apart stay within the limit too', async (t) => {
  const directory = await temporaryDirectory(t);
  const limitBytes = 4 * MIB;
  const store = await storeFor(t, directory, { limitBytes });
  const watch = watchUse(directory, store);
  const sample = new Sample('large', 40 * MIB);
  const version = await opened(store, sample);
  for (let round = 0; round < 900; round += 1) {
    const index = (round * 4099) % sample.blockCount;
    t.true(await write(version, index, sample.blocks(index, 1)));
  }
  const { mostBytes } = watch.stop();
  t.true(mostBytes <= limitBytes, `${mostBytes} bytes`);
  await readAll(t, version, sample);
  version.close();
});

test.serial('a version larger than the limit keeps what was used last', async (t) => {
  const directory = await temporaryDirectory(t);
  const limitBytes = 8 * MIB;
  const sample = new Sample('large', 20 * MIB + 5, '1', 16_384);
  const first = await openStore(directory, { limitBytes, blockBytes: 16_384 });
  t.true(await writeWhole(first, sample, 64));
  await first.close();
  const store = await storeFor(t, directory, { limitBytes, blockBytes: 16_384 });
  const version = await opened(store, sample);
  t.true(version.storedBytes > 0.8 * limitBytes);
  t.false(version.has(0));
  const last = sample.blockCount - 1;
  for (let index = last; index > last - 400; index -= 1) t.true(version.has(index));
  const { right, wrong } = await readAll(t, version, sample);
  t.true(right > 400);
  t.is(wrong, 0);
  // A run over the border of two segments.
  const targets = sample.targets(last - 63, 64);
  t.true((await version.read(last - 63, targets)).every(Boolean));
  t.deepEqual(targets, sample.blocks(last - 63, 64));
  t.is(version.localFd(), undefined);
  t.deepEqual((await store.newest(sample.key.resource))?.facts, sample.facts);
  store.drop(sample.key);
  t.is(await store.newest(sample.key.resource), undefined);
  t.deepEqual(storeFiles(directory), []);
  version.close();
});

// S51
test.serial('the least recently used goes first, after a restart too', async (t) => {
  const directory = await temporaryDirectory(t);
  const limitBytes = 11 * 105_000;
  const samples = Array.from({ length: 10 }, (_, file) => new Sample(`f${file}`, 100_000));
  let store = await openStore(directory, { limitBytes });
  for (const sample of samples) {
    t.true(await writeWhole(store, sample));
    // The kernel's clock for files is coarse.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const used of [4, 0, 2]) {
    const sample = samples[used] ?? t.fail();
    const version = await opened(store, sample);
    t.deepEqual(await version.read(0, sample.targets(0, 1)), [true]);
    version.close();
  }
  const expected = [1, 3, 5, 6, 7, 8, 9, 4, 0, 2];
  for (let evicted = 0; evicted < 9; evicted += 1) {
    await store.close();
    store = await openStore(directory, { limitBytes });
    t.true(await writeWhole(store, new Sample(`new${evicted}`, 100_000)));
    const left: boolean[] = [];
    for (const file of expected) {
      left.push(storeFilesOf(directory, samples[file]?.key.resource ?? '') > 0);
    }
    const gone = left.indexOf(true) === -1 ? left.length : left.indexOf(true);
    t.true(left.slice(gone).every(Boolean), `${evicted}: ${left.join()}`);
    t.true(gone >= evicted - 1 && gone <= evicted + 1, `${evicted}: ${left.join()}`);
  }
  await store.close();
});

test.serial('a lower limit is reached soon after the start', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory);
  const samples = Array.from({ length: 20 }, (_, file) => new Sample(`f${file}`, 100_000));
  for (const sample of samples) t.true(await writeWhole(first, sample));
  await first.close();
  const store = await storeFor(t, directory, { limitBytes: MIB });
  await until(() => store.usedBytes > 0 && store.usedBytes <= MIB);
  t.true(allocatedBytes(directory) <= MIB);
  t.is(await storedBytes(store, samples[19] ?? t.fail()), 100_000);
  t.is(await storedBytes(store, samples[0] ?? t.fail()), 0);
});

test.serial('what was handed out is not evicted, and when that is all, nothing is stored', async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await storeFor(t, directory, { limitBytes: MIB });
  const held = new Sample('held', 480_000);
  const version = await opened(store, held);
  t.true(await write(version, 0, held.blocks(0, held.blockCount)));
  await until(() => version.localFd() !== undefined);
  const fd = version.localFd() ?? -1;
  for (let file = 0; file < 20; file += 1) t.true(await writeWhole(store, new Sample(`f${file}`, 100_000)));
  t.is(fstatSync(fd).nlink, 1);
  t.is(version.storedBytes, 480_000);
  const second = new Sample('second', 500_000);
  const other = await opened(store, second);
  t.true(await write(other, 0, second.blocks(0, second.blockCount)));
  await until(() => other.localFd() !== undefined);
  t.false(await writeWhole(store, new Sample('third', 100_000)));
  version.close();
  t.true(await writeWhole(store, new Sample('third', 100_000)));
  other.close();
});

test.serial('a limit that nothing fits into stores nothing', async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await storeFor(t, directory, { limitBytes: 4096 });
  t.false(await writeWhole(store, new Sample('a', 10_000)));
  t.deepEqual(storeFiles(directory), []);
});

test.serial('the reserve of free space is left alone', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await openStore(directory);
  t.true(await writeWhole(first, new Sample('a', 10_000)));
  await first.close();
  const store = await storeFor(t, directory, { reserveBytes: 2 ** 60 });
  t.false(await writeWhole(store, new Sample('b', 10_000)));
  t.is(allocatedBytes(directory), 0);
});

test.serial('open files are bounded', async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await storeFor(t, directory, { maxOpenFiles: 10 });
  const openFiles = (): number =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return /\.(data|index)$/.test(readlinkSync(`/proc/self/fd/${fd}`));
      } catch {
        return false;
      }
    }).length;
  let most = 0;
  const samples = Array.from({ length: 60 }, (_, file) => new Sample(`f${file}`, 20_000));
  const versions = await Promise.all(samples.map((sample) => opened(store, sample)));
  await Promise.all(
    versions.map(async (version, file) => {
      const sample = samples[file] ?? t.fail();
      t.true(await write(version, 0, sample.blocks(0, sample.blockCount)));
      most = Math.max(most, openFiles());
      t.deepEqual(await readAll(t, version, sample), { right: sample.blockCount, wrong: 0 });
      most = Math.max(most, openFiles());
    }),
  );
  t.true(most > 5 && most <= 16, `${most} open files`);
  // Those that are handed out stay open beside the bound.
  for (const version of versions.slice(0, 30)) await until(() => version.localFd() !== undefined);
  t.true(openFiles() >= 30 && openFiles() <= 46, `${openFiles()} open files`);
  for (const [file, version] of versions.slice(0, 30).entries()) {
    t.is(fstatSync(version.localFd() ?? -1).size, samples[file]?.facts.sizeBytes ?? -1);
  }
  for (const version of versions) version.close();
  await until(() => openFiles() === 0);
});
