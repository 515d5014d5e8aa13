/** Faults that pass: what was stored is still there afterwards, and what was found wrong stays so. */
import { readFileSync, renameSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';

import test from 'ava';

import { BlockPool } from '../../src/cache/blocks/block-pool.js';
import { encodeIdentity, IDENTITY_AT, stateOf } from '../../src/cache/disk/index-file.js';
import { WriteBehind } from '../../src/cache/write-behind.js';
import { blocksIn, bringBlock, storedBlocks } from '../support/held-blocks.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import {
  opened,
  openStore,
  readAll,
  Sample,
  stored,
  storeFiles,
  storeFor,
  write,
} from './disk-store-support.js';
import { flipBit } from './flip-bit.js';

function renewStamp(index: string, data: string): void {
  const bytes = readFileSync(index);
  encodeIdentity(stateOf(statSync(data, { bigint: true })).identity).copy(bytes, IDENTITY_AT);
  writeFileSync(index, bytes);
}

test('a block that was found wrong is not there for the next opening, however soon that is', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 300 * 4096);
  await stored(directory, sample);
  const [[data = ''], [index = '']] = [storeFiles(directory, 'data'), storeFiles(directory, 'index')];
  flipBit(data, 5 * 4096 * 8 + 1);
  // No timestamp shows that a disk loses writes.
  renewStamp(index, data);
  const store = await storeFor(t, directory);
  const version = await opened(store, sample);
  t.not(version.localFd(), undefined, 'it is not known yet');
  const other = await opened(store, new Sample('other', 2000 * 4096));
  // What is noted on disk has to wait behind this.
  const writing = write(other, 0, new Sample('other', 2000 * 4096).blocks(0, 2000));
  t.deepEqual(await version.read(5, sample.targets(5, 1)), [false]);
  version.close();
  const again = await opened(store, sample);
  t.false(again.has(5));
  t.true(again.has(4));
  t.is(again.localFd(), undefined);
  await writing;
  other.close();
  again.close();
});

test('what could not be read once is neither lost nor written over', async (t) => {
  const directory = await temporaryDirectory(t);
  const sample = new Sample('a', 64 * 4096);
  await stored(directory, sample, 60);
  const store = await openStore(directory);
  // Else the scan of the directory may find the data without its index, and remove it.
  t.not(await store.room(), undefined);
  const [index = ''] = storeFiles(directory, 'index');
  // A link is not followed: ELOOP, as another fault of the system.
  renameSync(index, `${index}.away`);
  symlinkSync(`${index}.away`, index);
  const blind = await opened(store, sample);
  t.false(blind.has(0));
  t.false(await write(blind, 60, sample.blocks(60, 1)));
  unlinkSync(index);
  renameSync(`${index}.away`, index);
  t.true(await write(blind, 60, sample.blocks(60, 1)), 'it has passed');
  t.true(blind.has(0));
  blind.close();
  await store.close();
  const later = await storeFor(t, directory);
  const { right, wrong } = await readAll(t, await opened(later, sample), sample);
  t.deepEqual({ right, wrong }, { right: 61, wrong: 0 });
});

const BLOCK_BYTES = 64 * 1024;
const MAX_DIRTY_BYTES = 256 * BLOCK_BYTES;

// S57
test('what the disk is too slow for is not stored, the rest by one write at a time, all of it before the end', async (t) => {
  const blocks = blocksIn(new BlockPool(4 * MAX_DIRTY_BYTES, BLOCK_BYTES), {
    onComplete: (block) => storing.store(block),
  });
  const behind = new WriteBehind(() => MAX_DIRTY_BYTES);
  const found = { active: 0, mostActive: 0, written: 0, isClosed: false };
  const disk = {
    storedBytes: 0,
    noteUse: () => undefined,
    learnDigest: () => undefined,
    has: () => false,
    read: () => Promise.resolve([]),
    localFd: () => undefined,
    write: async (given: readonly unknown[]): Promise<boolean> => {
      t.false(found.isClosed);
      found.active += 1;
      found.mostActive = Math.max(found.mostActive, found.active);
      await new Promise((resolve) => setTimeout(resolve, 20));
      found.active -= 1;
      found.written += given.length;
      return true;
    },
    close: () => (found.isClosed = true),
  };
  const storing = storedBlocks(blocks, 1024 * BLOCK_BYTES, disk, behind);
  await storing.whenOpen;
  const bring = (first: number, count: number): void => {
    for (let index = first; index < first + count; index += 1) bringBlock(blocks, index);
  };
  // Others have all of what may wait.
  t.true(behind.tryAdd(MAX_DIRTY_BYTES));
  bring(0, 100);
  behind.subtract(MAX_DIRTY_BYTES);
  bring(100, 50);
  await until('it was being written', () => found.mostActive > 0);
  bring(150, 1);
  storing.close();
  await storing.whenClosed;
  t.is(found.written, 51);
  t.is(found.mostActive, 1);
  t.is(found.active, 0);
});
