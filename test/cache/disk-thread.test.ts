/** The thread that changes the files: what becomes of its jobs when it dies, or is busy. */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import type { Worker } from 'node:worker_threads';

import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import {
  BLOCK_BYTES,
  type Logged,
  opened,
  openStore,
  readAll,
  Sample,
  storeFiles,
  storeFor,
  write,
} from './disk-store-support.js';

const workers: Worker[] = [];
process.on('worker', (worker) => workers.push(worker));

test.serial(
  'a thread that dies loses what was not stored, and the next write starts another one',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const logged: Logged[] = [];
    const store = await openStore(directory, {}, logged);
    const sample = new Sample('a', 200 * BLOCK_BYTES);
    const version = await opened(store, sample);
    t.true(await write(version, 0, sample.blocks(0, 10)));
    const small = Array.from({ length: 50 }, (_, i) => new Sample(`small ${i}`, 1_000));
    const writes = small.map(async (one) => {
      const handle = await opened(store, one);
      const isStored = await write(handle, 0, [one.block(0)]);
      handle.close();
      return isStored;
    });
    const appended = write(version, 10, sample.blocks(10, 190));
    await workers.at(-1)?.terminate();
    const results = await Promise.all(writes);
    t.false(await appended);
    t.true(results.includes(false));
    t.is(logged.filter(({ msg }) => msg.includes('cannot store blocks')).length, 1);
    t.true(version.has(9));
    t.false(version.has(10));
    t.true(await write(version, 10, sample.blocks(10, 190)), 'another thread');
    t.is(workers.length, 2);
    t.deepEqual(await readAll(t, version, sample), { right: 200, wrong: 0 });
    version.close();
    await store.close();
    const again = await storeFor(t, directory);
    for (const [i, one] of small.entries()) {
      const handle = await opened(again, one);
      t.is((await readAll(t, handle, one)).wrong, 0);
      if (results[i] === true) t.true(handle.has(0));
      handle.close();
    }
  },
);

test.serial(
  'many small files that are stored at once take few turns of the thread, and the end waits for them',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const store = await openStore(directory);
    const first = await opened(store, new Sample('first', 10));
    await write(first, 0, [new Sample('first', 10).block(0)]);
    first.close();
    let messages = 0;
    workers.at(-1)?.on('message', () => {
      messages += 1;
    });
    const samples = Array.from({ length: 300 }, (_, i) => new Sample(`f${i}`, 3_000));
    const stored = samples.map(async (sample) => {
      const version = await opened(store, sample);
      const isStored = await write(version, 0, [sample.block(0)]);
      version.close();
      return isStored;
    });
    await Promise.all(samples.map(() => Promise.resolve()));
    t.true((await Promise.all(stored)).every(Boolean));
    t.true(messages <= 10, `${messages} messages`);
    const late = new Sample('late', 3_000);
    const version = await opened(store, late);
    const writing = write(version, 0, [late.block(0)]);
    version.close();
    await store.close();
    t.true(await writing);
    t.is(storeFiles(directory).length, 2 * 302);
    t.true(storeFiles(directory, '.data').some((file) => readFileSync(file).equals(late.block(0))));
  },
);

test.serial('what is certainly not stored is opened without a look at the disk', async (t) => {
  const directory = await temporaryDirectory(t);
  const store = await storeFor(t, directory);
  const first = await opened(store, new Sample('first', 10));
  await write(first, 0, [new Sample('first', 10).block(0)]);
  first.close();
  t.false(store.mayHave(new Sample('other', 10).key.resource));
  t.true(store.mayHave(new Sample('first', 10).key.resource));
  const order: string[] = [];
  const opening = opened(store, new Sample('other', 10)).then((version) => {
    order.push('open');
    version.close();
  });
  const looking = store.newest(new Sample('third', 10).key.resource).then(() => order.push('newest'));
  await Promise.all([
    opening,
    looking,
    new Promise((resolve) => setImmediate(resolve)).then(() => order.push('turn')),
  ]);
  t.is(order.at(-1), 'turn', 'in the same turn of the event loop');
});
