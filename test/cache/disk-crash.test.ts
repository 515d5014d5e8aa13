import test from 'ava';

import { temporaryDirectory } from '../support/temp.js';
import {
  allocatedBytes,
  CHURN_OPTIONS,
  openStore,
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
