import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import { LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  BLOCK_BYTES,
  CHURN_OPTIONS,
  localBytes,
  type Logged,
  opened,
  readAll,
  Sample,
  sampleOf,
  SAMPLES,
  startChild,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

test.beforeEach((t) => t.timeout(60_000));

/** Waits until the store has taken over the writing, which an open tries now and then. */
async function untilWriter(store: DiskStore): Promise<void> {
  const sample = new Sample('takes over', BLOCK_BYTES);
  await until(async () => {
    const version = await opened(store, sample);
    const isStored = await write(version, 0, sample.blocks(0, 1));
    version.close();
    return isStored;
  });
}

test('one process writes, another one reads, and takes over when it is killed', async (t) => {
  const directory = await temporaryDirectory(t);
  const child = await startChild('serve', directory);
  t.teardown(() => child.kill());
  const [first, second, third] = [sampleOf(1), sampleOf(3), sampleOf(6)];
  t.true(await child.query('store 1'));

  const store = await storeFor(t, directory);
  const version = await opened(store, first);
  t.deepEqual(await readAll(t, version, first), { right: first.blockCount, wrong: 0 });
  t.true(localBytes(version, first)?.equals(first.bytes()));
  t.deepEqual((await store.newest(first.key.resource))?.facts, first.facts);
  t.is(store.usedBytes, 0);

  // It sees what is added while it has the version open.
  const growing = await opened(store, second);
  t.false(await write(growing, 0, second.blocks(0, 1)));
  t.true(await child.query('store 3'));
  await until(() => growing.has(0));
  await until(() => localBytes(growing, second)?.equals(second.bytes()) === true);

  await child.kill();
  await untilWriter(store);
  const own = await opened(store, third);
  t.true(await write(own, 0, third.blocks(0, third.blockCount)));
  t.true(store.usedBytes >= allocatedBytes(directory));
  t.deepEqual(await readAll(t, own, third), { right: third.blockCount, wrong: 0 });
  t.deepEqual(await readAll(t, growing, second), { right: second.blockCount, wrong: 0 });
  t.true(await write(growing, 0, second.blocks(0, second.blockCount)));
  for (const opening of [version, growing, own]) opening.close();
});

test('a process that takes over appends to what the other one had begun', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = sampleOf(2);
  const first = await storeFor(t, directory);
  const begun = await opened(first, sample);
  t.true(await write(begun, 0, sample.blocks(0, 10)));
  const second = await storeFor(t, directory);
  const version = await opened(second, sample);
  t.true(version.has(9));
  t.false(await write(version, 10, sample.blocks(10, 1)));
  t.true(await write(begun, 20, sample.blocks(20, 10)));
  begun.close();
  await first.close();
  await untilWriter(second);
  t.true(await write(version, 10, sample.blocks(10, 5)));
  t.deepEqual(await readAll(t, version, sample), { right: 25, wrong: 0 });
  version.close();
  await second.close();
  const third = await storeFor(t, directory);
  const again = await opened(third, sample);
  t.deepEqual(await readAll(t, again, sample), { right: 25, wrong: 0 });
  again.close();
});

test('a process that reads stays right while the other one evicts', async (t) => {
  const directory = await temporaryDirectory(t);
  const child = await startChild('write', directory, 1);
  t.teardown(() => child.kill());
  const logged: Logged[] = [];
  const store = await storeFor(t, directory, { ...CHURN_OPTIONS, maxOpenFiles: 4 }, logged);
  const found = { right: 0, local: 0 };
  const held = await Promise.all(
    Array.from({ length: SAMPLES }, (_, number) => opened(store, sampleOf(number))),
  );
  for (let round = 0; round < 60 || found.right <= 500 || found.local <= 10; round += 1) {
    for (const [number, opening] of held.entries()) {
      const sample = sampleOf(number);
      let version = opening;
      if (number % 2 === 1) {
        // The others stay open all the time.
        version.close();
        version = await opened(store, sample);
        held[number] = version;
      }
      const local = localBytes(version, sample);
      if (local !== undefined) {
        found.local += 1;
        if (!local.equals(sample.bytes())) t.fail('the local copy has wrong bytes');
      }
      found.right += (await readAll(t, version, sample, true)).right;
    }
  }
  for (const version of held) version.close();
  t.is(store.usedBytes, 0);
  t.deepEqual(
    logged.map(({ msg }) => msg),
    [],
  );
  t.log(found);
});

test('a store that is closed while it takes over leaves the writing to others', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = sampleOf(1);
  const [first, second] = [await storeFor(t, directory), await storeFor(t, directory)];
  await first.close();
  // Long enough for the next open to try it.
  await sleep(3_100);
  const opening = second.open(sample.key, sample.facts);
  await second.close();
  (await opening)?.close();
  const third = await opened(await storeFor(t, directory), sample);
  t.true(await write(third, 0, sample.blocks(0, sample.blockCount)));
  third.close();
});

test('two writers, where the lock was removed, leave nothing wrong', async (t) => {
  const directory = await temporaryDirectory(t);
  const first = await storeFor(t, directory);
  const samples = [sampleOf(2), sampleOf(3), new Sample('small', 3_000)];
  const firsts = await Promise.all(samples.map((sample) => opened(first, sample)));
  for (const [i, sample] of samples.slice(0, 2).entries())
    t.true(await write(firsts[i] ?? t.fail(), 0, sample.blocks(0, 5)));
  rmSync(join(directory, LAYOUT_DIRECTORY, 'lock'));
  const second = await storeFor(t, directory);
  const seconds = await Promise.all(samples.map((sample) => opened(second, sample)));
  await Promise.all(
    samples.flatMap((sample, i) =>
      Array.from({ length: 10 }, async (_, round) => {
        const at = Math.floor((round * sample.blockCount) / 10);
        const count = Math.min(20, sample.blockCount - at);
        await Promise.all(
          [firsts, seconds].map((all) => write(all[i] ?? t.fail(), at, sample.blocks(at, count))),
        );
      }),
    ),
  );
  for (const [i, sample] of samples.entries()) {
    for (const version of [firsts[i] ?? t.fail(), seconds[i] ?? t.fail()]) {
      await readAll(t, version, sample);
      const local = localBytes(version, sample);
      if (local !== undefined) t.true(local.equals(sample.bytes()));
      version.close();
    }
  }
  await first.close();
  await second.close();
  const third = await storeFor(t, directory);
  for (const sample of samples) {
    const version = await opened(third, sample);
    await readAll(t, version, sample);
    t.true(await write(version, 0, sample.blocks(0, sample.blockCount)));
    t.deepEqual(await readAll(t, version, sample), { right: sample.blockCount, wrong: 0 });
    version.close();
  }
});
