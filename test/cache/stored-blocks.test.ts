import test from 'ava';

import { BlockMemory } from '../../src/cache/block-memory.js';
import type { StoredVersion, WritePath } from '../../src/cache/disk/disk-cache.js';
import { WriteBehindQueue } from '../../src/cache/write-behind-queue.js';
import { DirtyBytes } from '../../src/cache/dirty-bytes.js';
import { StoredBlocks } from '../../src/cache/stored-blocks.js';
import { VersionBlocks } from '../../src/cache/version-blocks.js';
import { until } from '../support/until.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const BLOCK_BYTES = 64 * 1024;
/** What is worth a write of its own: an eighth of what may wait. */
const FULL_BLOCKS = 32;
const MAX_DIRTY_BYTES = 8 * FULL_BLOCKS * BLOCK_BYTES;

/** A disk that stores what it is given on demand. */
class SlowDisk implements StoredVersion {
  readonly storedBytes = 0;
  readonly writes: { path: WritePath; blocks: number; done: () => void }[] = [];

  has(): boolean {
    return false;
  }

  noteUse(): void {}

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
    // Nothing is open.
  }
}

// S57
test('a stream goes straight to a disk that keeps up, and by way of the page cache to one that does not', async (t) => {
  const memory = new BlockMemory(2 * MAX_DIRTY_BYTES, BLOCK_BYTES);
  const version = {
    id: '1',
    validators: { etag: '"1"', contentLength: 8 * MAX_DIRTY_BYTES },
    verifiable: true,
  };
  const blocks = new VersionBlocks(
    { resource: 'test://host/file', version: '1' },
    version,
    memory,
    MetadataBudget.beside(0),
  );
  const disk = new SlowDisk();
  const dirty = new DirtyBytes(() => MAX_DIRTY_BYTES);
  const context = { blocks, memory, dirty, queue: new WriteBehindQueue(), sizeBytes: 8 * MAX_DIRTY_BYTES };
  const stored = new StoredBlocks(disk, { ...context, open: () => Promise.resolve(disk) });
  blocks.onComplete = (block) => stored.store(block);
  let next = 0;
  const bring = async (count: number): Promise<void> => {
    for (const end = next + count; next < end; next += 1) {
      await memory.reserve(1);
      const block = blocks.announce(next);
      block.memory = memory.take();
      blocks.complete(block, BLOCK_BYTES, 'source');
    }
  };

  const written = async (count: number): Promise<void> => {
    await until('it is written', () => disk.writes.length === count);
  };

  await bring(FULL_BLOCKS);
  await written(1);
  // More than half of what may wait now does.
  await bring(7 * FULL_BLOCKS);
  disk.writes[0]?.done();
  await written(2);
  disk.writes[1]?.done();
  await until('nothing waits', () => memory.committedBytes === 0);
  await bring(FULL_BLOCKS);
  await written(3);
  // Little: it is written when nothing more comes.
  await bring(1);
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

test('what is demanded of a disk never takes more memory than there is, however much it is', async (t) => {
  const [limitBlocks, demanded] = [8, 40];
  const memory = new BlockMemory(limitBlocks * BLOCK_BYTES, BLOCK_BYTES);
  const sizeBytes = demanded * BLOCK_BYTES;
  const version = { id: '1', validators: { etag: '"1"', contentLength: sizeBytes }, verifiable: true };
  const blocks = new VersionBlocks(
    { resource: 'test://host/file', version: '1' },
    version,
    memory,
    MetadataBudget.beside(0),
  );
  const committed: number[] = [];
  const read: number[] = [];
  const disk: StoredVersion = {
    storedBytes: sizeBytes,
    noteUse: () => undefined,
    has: () => true,
    read: (first, targets) => {
      committed.push(memory.committedBytes + memory.cachedBytes);
      read.push(...targets.map((_, i) => first + i));
      return Promise.resolve(targets.map(() => true));
    },
    write: () => Promise.resolve(true),
    localFd: () => undefined,
    close: () => undefined,
  };
  const stored = new StoredBlocks(disk, {
    blocks,
    memory,
    dirty: new DirtyBytes(() => MAX_DIRTY_BYTES),
    queue: new WriteBehindQueue(),
    sizeBytes,
    open: () => Promise.resolve(disk),
  });
  // Others have it all for now.
  await memory.reserve(limitBlocks);
  stored.demand({ first: 0, end: demanded }, demanded);
  memory.unreserve(limitBlocks);
  await until('all of it was read', () => read.length === demanded && memory.committedBytes === 0);
  t.deepEqual(
    read.toSorted((a, b) => a - b),
    [...Array(demanded).keys()],
  );
  t.true(Math.max(...committed) <= memory.limitBytes, `${committed.join()} of ${memory.limitBytes}`);
});
