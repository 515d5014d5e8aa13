import { setImmediate } from 'node:timers/promises';

import test from 'ava';

import { BlockPool } from '../../src/cache/blocks/block-pool.js';
import type { StoredVersion, WritePath } from '../../src/cache/disk/disk-cache.js';
import { WriteBehind } from '../../src/cache/write-behind.js';
import { blocksIn, bringBlock, storedBlocks } from '../support/held-blocks.js';
import { until } from '../support/until.js';

const BLOCK_BYTES = 64 * 1024;
/** What is worth a write of its own: an eighth of what may wait. */
const FULL_BLOCKS = 32;
const MAX_DIRTY_BYTES = 8 * FULL_BLOCKS * BLOCK_BYTES;

/** A disk that stores what it is given on demand. */
class SlowDisk implements StoredVersion {
  readonly storedBytes = 0;
  closed = 0;
  readonly writes: { path: WritePath; blocks: number; done: () => void }[] = [];

  has(): boolean {
    return false;
  }

  noteUse(): void {}

  learnDigest(): void {}

  read(_first: number, targets: readonly Uint8Array[]): Promise<boolean[]> {
    return Promise.resolve(targets.map(() => false));
  }

  write(blocks: readonly unknown[], path: WritePath = 'cached'): Promise<boolean> {
    return new Promise((resolve) => {
      this.writes.push({ path, blocks: blocks.length, done: () => resolve(true) });
    });
  }

  localFd(): undefined {
    return undefined;
  }

  close(): void {
    this.closed += 1;
  }
}

// S57
test('a stream goes straight to a disk that keeps up, and by way of the page cache to one that does not', async (t) => {
  const pool = new BlockPool(2 * MAX_DIRTY_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool, { onComplete: (block, checksum) => stored.store(block, checksum) });
  const disk = new SlowDisk();
  const behind = new WriteBehind(() => MAX_DIRTY_BYTES);
  const stored = storedBlocks(blocks, 8 * MAX_DIRTY_BYTES, disk, behind);
  await stored.whenOpen;
  let next = 0;
  const bring = (count: number): void => {
    for (const end = next + count; next < end; next += 1) bringBlock(blocks, next);
  };

  const written = async (count: number): Promise<void> => {
    await until('it is written', () => disk.writes.length === count);
  };

  bring(FULL_BLOCKS);
  await written(1);
  // More than half of what may wait now does.
  bring(7 * FULL_BLOCKS);
  disk.writes[0]?.done();
  await written(2);
  disk.writes[1]?.done();
  await until('nothing waits', () => pool.committedBytes === 0);
  bring(FULL_BLOCKS);
  await written(3);
  // Little: it is written when nothing more comes.
  bring(1);
  disk.writes[2]?.done();
  await written(4);
  t.deepEqual(
    disk.writes.map(({ path, blocks: count }) => [path, count / FULL_BLOCKS]),
    [
      ['direct', 1],
      ['cached', 7],
      ['direct', 1],
      ['direct', 1 / FULL_BLOCKS],
    ],
  );
});

// S55
test('a small file waits, however many others do', async (t) => {
  const pool = new BlockPool(2 * MAX_DIRTY_BYTES, BLOCK_BYTES);
  const behind = new WriteBehind(() => MAX_DIRTY_BYTES);
  const disk = new SlowDisk();
  // So many that the share of each is less than its block.
  for (let i = 0; i < 3 * FULL_BLOCKS; i += 1) {
    const blocks = blocksIn(pool, { onComplete: (block, checksum) => stored.store(block, checksum) });
    const stored = storedBlocks(blocks, BLOCK_BYTES, disk, behind);
    await stored.whenOpen;
    bringBlock(blocks, 0);
  }
  await setImmediate();
  t.is(pool.committedBytes, 3 * FULL_BLOCKS * BLOCK_BYTES);
  t.deepEqual(disk.writes, []);
});

test('a version that is used again while it is stored goes on with that, and is closed when all is stored', async (t) => {
  const pool = new BlockPool(2 * MAX_DIRTY_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool, { onComplete: (block, checksum) => stored.store(block, checksum) });
  const disk = new SlowDisk();
  const stored = storedBlocks(blocks, 8 * BLOCK_BYTES, disk, new WriteBehind(() => MAX_DIRTY_BYTES));
  await stored.whenOpen;
  bringBlock(blocks, 0);
  stored.close();
  await until('it is being written', () => disk.writes.length === 1);
  stored.open();
  await stored.whenOpen;
  bringBlock(blocks, 1);
  stored.close();
  disk.writes[0]?.done();
  await until('the rest is being written', () => disk.writes.length === 2);
  t.not(stored.whenClosed, undefined);
  disk.writes[1]?.done();
  await until('it is closed', () => stored.whenClosed === undefined);
  t.is(pool.committedBytes, 0);
  // One opening for each use.
  t.is(disk.closed, 2);
});

test('of a version that is dropped nothing more is stored, until it is used again', async (t) => {
  const pool = new BlockPool(2 * MAX_DIRTY_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool, { onComplete: (block, checksum) => stored.store(block, checksum) });
  const disk = new SlowDisk();
  const stored = storedBlocks(blocks, 8 * BLOCK_BYTES, disk, new WriteBehind(() => MAX_DIRTY_BYTES));
  await stored.whenOpen;
  bringBlock(blocks, 0);
  stored.drop();
  bringBlock(blocks, 1);
  t.is(pool.committedBytes, 0);
  t.is(disk.closed, 0, 'a descriptor of it may be in use');
  stored.close();
  await stored.whenClosed;
  t.deepEqual([disk.writes, disk.closed], [[], 1]);
  stored.open();
  await stored.whenOpen;
  stored.close();
  await until('it is written', () => disk.writes.length === 1);
  t.is(disk.writes[0]?.blocks, 2);
  disk.writes[0]?.done();
  await stored.whenClosed;
  t.is(pool.committedBytes, 0);
});
