import { join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { testWhere } from '../support/conditional-test.js';
import { LossyDisk } from '../support/lossy-disk.js';
import { until } from '../support/until.js';
import {
  CHURN_OPTIONS,
  localBytes,
  type Logged,
  opened,
  openStore,
  readAll,
  readSamples,
  Sample,
  startChild,
  storeFor,
  write,
} from './disk-store-support.js';

const onLossyDisk = testWhere(LossyDisk.isPossible, 'root, loop devices and e2fsprogs', test.serial);

/** More by hand: POWER_LOSS_ROUNDS=100 npx ava dist/test/cache/disk-power-loss.test.js */
const ROUNDS = Number(process.env['POWER_LOSS_ROUNDS'] ?? 4);

// S56
onLossyDisk('what was stored some seconds before a power loss is there after it', async (t) => {
  const disk = await LossyDisk.create(t, 64);
  const directory = join(disk.mountpoint, 'cache');
  const logged: Logged[] = [];
  const store = await openStore(directory, { syncAfterMs: 20 }, logged);
  const samples = [new Sample('small', 100), new Sample('long', 3_000_000), new Sample('late', 500_000)];
  const fill = async (sample: Sample, count = sample.blockCount): Promise<void> => {
    const version = await opened(store, sample);
    t.true(await write(version, 0, sample.blocks(0, count)));
    version.close();
  };
  await fill(new Sample('part', 2_000_000), 100);
  for (const sample of samples) await fill(sample);
  const rounds = (): Logged[] => logged.filter(({ msg }) => msg.includes('synced'));
  const before = rounds().length;
  await fill(new Sample('another', 10_000));
  await until('all is synced', () => rounds().length > before && rounds().at(-1)?.left === 0);
  disk.losePower();
  await store.close();
  disk.restart();

  const again = await storeFor(t, directory);
  t.deepEqual(
    await readAll(t, await opened(again, new Sample('part', 2_000_000)), new Sample('part', 2_000_000)),
    {
      right: 100,
      wrong: 0,
    },
  );
  for (const sample of samples) {
    t.truthy(await again.newest(sample.key.resource));
    t.deepEqual(await readAll(t, await opened(again, sample), sample), {
      right: sample.blockCount,
      wrong: 0,
    });
  }
});

onLossyDisk('a power loss at any moment leaves nothing wrong, and a store that works', async (t) => {
  t.timeout(ROUNDS * 30_000);
  const disk = await LossyDisk.create(t, 64);
  const directory = join(disk.mountpoint, 'cache');
  const total = { right: 0, wrong: 0, local: 0 };
  for (let round = 0; round < ROUNDS; round += 1) {
    const child = await startChild('write', directory, round * 7);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    disk.losePower();
    await child.kill();
    disk.restart();
    const store = await openStore(directory, CHURN_OPTIONS);
    await readSamples(t, store, total);
    // It can be written to again, whatever it lost.
    const fresh = new Sample(`after loss ${round}`, 300_000);
    const version = await opened(store, fresh);
    t.true(await write(version, 0, fresh.blocks(0, fresh.blockCount)));
    t.deepEqual(await readAll(t, version, fresh), { right: fresh.blockCount, wrong: 0 });
    t.true(localBytes(version, fresh)?.equals(fresh.bytes()));
    version.close();
    await store.close();
  }
  t.log(total);
});
