import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  CHURN_OPTIONS,
  localBytes,
  opened,
  openStore,
  readAll,
  sampleOf,
  SAMPLES,
  startChild,
  until,
} from './disk-store-support.js';

const KILLS = 50;

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
    for (let number = 0; number < SAMPLES; number += 1) {
      const sample = sampleOf(number);
      const version = await opened(store, sample);
      const local = localBytes(version, sample);
      if (local !== undefined) {
        t.true(local.equals(sample.bytes()));
        total.local += 1;
      }
      const { right, wrong } = await readAll(t, version, sample);
      total.right += right;
      total.wrong += wrong;
      version.close();
    }
    await store.close();
  }
  t.log(total);
  t.true(total.right > KILLS * 100);
  t.true(total.local > KILLS);
  // A kill loses no page that was written: only a power loss does.
  t.is(total.wrong, 0);
});
