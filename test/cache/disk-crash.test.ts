import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  CHURN_OPTIONS,
  opened,
  openStore,
  readAll,
  Sample,
  SMALL_FILES,
  readSamples,
  startChild,
  until,
} from './disk-store-support.js';

const KILLS = 15;

async function killWhileWriting(directory: string, round: number): Promise<void> {
  const child = await startChild('write', directory, round * 7);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 120));
  await child.kill();
}

test('a process that is killed while it writes leaves nothing wrong', async (t) => {
  t.timeout(240_000);
  const directory = await temporaryDirectory(t);
  const total = { right: 0, wrong: 0, local: 0 };
  for (let round = 0; round < KILLS; round += 1) {
    await killWhileWriting(directory, round);
    const store = await openStore(directory, CHURN_OPTIONS);
    await until(() => store.usedBytes > 0);
    t.true(store.usedBytes <= CHURN_OPTIONS.limitBytes && store.usedBytes >= allocatedBytes(directory));
    await readSamples(t, store, total);
    await store.close();
  }
  t.log(total);
  t.true(total.right > KILLS * 100);
  t.true(total.local > KILLS);
  // A kill loses no page that was written: only a power loss does.
  t.is(total.wrong, 0);
});

test('a process that is killed amid batches of small files leaves whole ones, or none', async (t) => {
  const directory = await temporaryDirectory(t);
  let right = 0;
  for (let round = 0; round < 6; round += 1) {
    const child = await startChild('small', directory, round * SMALL_FILES);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
    await child.kill();
    const store = await openStore(directory);
    await until(() => store.usedBytes > 0);
    t.true(store.usedBytes >= allocatedBytes(directory));
    for (let number = 0; number < SMALL_FILES; number += 1) {
      const sample = new Sample(`small ${round * SMALL_FILES + number}`, 3_000);
      const version = await opened(store, sample);
      const found = await readAll(t, version, sample);
      t.is(found.wrong, 0);
      right += found.right;
      version.close();
    }
    await store.close();
  }
  t.true(right > 0);
});
