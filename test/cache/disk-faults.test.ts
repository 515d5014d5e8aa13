import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import test from 'ava';

import type { DiskStore } from '../../src/cache/disk/disk-store.js';
import { LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { asRoot } from '../support/conditional-test.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  BLOCK_BYTES,
  type Logged,
  opened,
  openStore,
  readAll,
  Sample,
  startChild,
  WITHOUT_OVERRIDE,
  storeFiles,
  storeFor,
  until,
  write,
} from './disk-store-support.js';

const NOBODY = 65_534;
const MIB = 1024 * 1024;

test.beforeEach((t) => t.timeout(60_000));

async function fillVersion(store: DiskStore, name: string, sizeBytes = 200_000): Promise<boolean> {
  const sample = new Sample(name, sizeBytes);
  const version = await opened(store, sample);
  const isStored = await write(version, 0, sample.blocks(0, sample.blockCount));
  version.close();
  return isStored;
}

// S58
asRoot(
  'a full file system: nothing fails, nothing is wrong, and it goes on when there is room',
  async (t) => {
    const directory = await temporaryDirectory(t);
    const mountpoint = join(directory, 'small');
    mkdirSync(mountpoint);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=700', 'd7y-test', mountpoint]);
    t.teardown(() => execFileSync('umount', ['-l', mountpoint]));
    const logged: Logged[] = [];
    const store = await storeFor(t, join(mountpoint, 'cache'), { reserveBytes: undefined }, logged);
    // Left to itself it keeps the reserve, and evicts for it.
    for (let file = 0; file < 60; file += 1) {
      t.true(await fillVersion(store, `f${file}`));
      const { bavail, bsize } = statfsSync(mountpoint);
      t.true(bavail * bsize >= 0.05 * 8 * MIB);
    }
    t.deepEqual(logged, []);

    // Somebody else takes what it believes to be free.
    const { bavail, bsize } = statfsSync(mountpoint);
    writeFileSync(join(mountpoint, 'foreign'), Buffer.alloc(bavail * bsize));
    let failed = 0;
    for (let file = 0; file < 30; file += 1) if (!(await fillVersion(store, `g${file}`, 20_000))) failed += 1;
    t.true(failed > 0);
    t.is(logged.filter(({ msg }) => msg.includes('cannot store blocks')).length, 1);
    await until(() => fillVersion(store, 'h', 20_000));
    for (let file = 0; file < 5; file += 1) t.true(await fillVersion(store, `h${file}`, 20_000));
    for (let file = 0; file < 60; file += 1) {
      const sample = new Sample(`f${file}`, 200_000);
      const version = await opened(store, sample);
      t.is((await readAll(t, version, sample)).wrong, 0);
      version.close();
    }
    rmSync(join(mountpoint, 'foreign'));
    await until(() => fillVersion(store, 'i'));
    for (let file = 0; file < 30; file += 1) t.true(await fillVersion(store, `i${file}`));
  },
);

asRoot('a full file system that does not say so is lived with', async (t) => {
  const directory = await temporaryDirectory(t);
  const mountpoint = join(directory, 'few');
  mkdirSync(mountpoint);
  // No more inodes: statfs reports free bytes.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,nr_inodes=40,mode=700', 'd7y-test', mountpoint]);
  t.teardown(() => execFileSync('umount', ['-l', mountpoint]));
  const store = await storeFor(t, join(mountpoint, 'cache'));
  const stored: boolean[] = [];
  for (let file = 0; file < 60; file += 1) stored.push(await fillVersion(store, `f${file}`, 20_000));
  t.true(stored.slice(0, 5).every(Boolean));
  t.true(stored.includes(false));
  // What is older makes room.
  t.true(stored.slice(30).includes(true));
  for (let file = 0; file < 60; file += 1) {
    const sample = new Sample(`f${file}`, 20_000);
    const version = await opened(store, sample);
    t.is((await readAll(t, version, sample)).wrong, 0);
    version.close();
  }
});

asRoot('a directory without the right to write is read, and written again later', async (t) => {
  const directory = await temporaryDirectory(t);
  const child = await startChild('serve', directory, 0, WITHOUT_OVERRIDE);
  t.teardown(() => child.kill());
  t.true(await child.query('store 1'));
  chmodSync(join(directory, LAYOUT_DIRECTORY), 0o500);
  for (const number of [2, 3, 6, 7]) t.is(await child.query(`store ${number}`), false);
  t.is(await child.query('read 1'), 5);
  const log = (await child.query('log')) as string[];
  t.is(log.filter((line) => line.includes('cannot store')).length, 1, log.join('\n'));
  chmodSync(join(directory, LAYOUT_DIRECTORY), 0o700);
  t.true(await child.query('store 2'));
  chmodSync(join(directory, LAYOUT_DIRECTORY), 0);
  t.is(await child.query('store 4'), false);
  t.is(await child.query('read 8'), 0);
});

asRoot('a directory of another user is not used', async (t) => {
  const directory = await temporaryDirectory(t);
  chownSync(directory, NOBODY, NOBODY);
  await t.throwsAsync(openStore(directory), { message: /belongs to user 65534/ });
  t.false(existsSync(join(directory, LAYOUT_DIRECTORY)));
});

test('a directory that vanishes is made again', async (t) => {
  const directory = join(await temporaryDirectory(t), 'cache');
  const logged: Logged[] = [];
  const store = await storeFor(t, directory, {}, logged);
  const sample = new Sample('a', 10 * BLOCK_BYTES);
  const version = await opened(store, sample);
  t.true(await write(version, 0, sample.blocks(0, 5)));
  rmSync(directory, { recursive: true });
  // What is open can be read perhaps; what is written goes nowhere, or is not stored.
  await readAll(t, version, sample);
  await write(version, 5, sample.blocks(5, 5));
  for (let file = 0; file < 5; file += 1) t.false(await fillVersion(store, `f${file}`));
  await until(() => fillVersion(store, 'new'));
  t.is(storeFiles(directory).length % 2, 0);
  const again = await opened(store, sample);
  t.true(await write(again, 0, sample.blocks(0, 10)));
  t.deepEqual(await readAll(t, again, sample), { right: 10, wrong: 0 });
  const kinds = new Set(logged.map(({ msg }) => msg));
  t.is(kinds.size, logged.length, logged.map(({ msg }) => msg).join('\n'));
  version.close();
  again.close();
});
