import test from 'ava';

import type { Block } from '../../src/cache/blocks/block.js';
import { type Attempt, BlockPool } from '../../src/cache/blocks/block-pool.js';
import { type MemoryShare, MemoryShares } from '../../src/cache/blocks/memory-shares.js';
import type { VersionBlocks } from '../../src/cache/blocks/version-blocks.js';
import { beginBlock, blocksIn, bringBlock } from '../support/held-blocks.js';

const BLOCK_BYTES = 64;
const URL = 'test://host/file';

/** Takes blocks of a run as a read does; what it took is in `taken`. */
function taking(blocks: VersionBlocks, indexes: readonly number[], taken: Block[]): Attempt {
  return (hasRoom) => {
    if (!hasRoom(indexes.length)) return false;
    for (const index of indexes) taken.push(beginBlock(blocks, index));
    return true;
  };
}

function tryTake(pool: BlockPool, attempt: Attempt, share?: MemoryShare): boolean {
  return attempt((slots) => pool.mayTake(slots, share));
}

test('what was used least recently is evicted, and what is used is not', (t) => {
  const pool = new BlockPool(4 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool);
  const [first, second] = [0, 1, 2, 3].map((index) => bringBlock(blocks, index));
  if (first === undefined || second === undefined) return t.fail();
  pool.acquire(first);
  pool.release(first);
  pool.acquire(second);
  bringBlock(blocks, 4);
  t.deepEqual(
    [0, 1, 2, 3, 4].map((index) => blocks.isMissing(index)),
    [false, false, true, false, false],
  );
  t.is(pool.committedBytes, BLOCK_BYTES);
  t.is(pool.activity.evictedBytes, BLOCK_BYTES);
  pool.acquireForWriter(second);
  pool.release(second);
  bringBlock(blocks, 5);
  bringBlock(blocks, 6);
  bringBlock(blocks, 7);
  t.false(blocks.isMissing(1), 'it is being written');
  pool.releaseFromWriter(second);
  t.is(pool.committedBytes, 0);
});

test('a block that no read and no body needs any more is gone, and one that failed keeps its memory for those', (t) => {
  const pool = new BlockPool(4 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool);
  const abandoned = beginBlock(blocks, 0);
  pool.release(abandoned);
  t.is(abandoned.state, 'gone');
  t.is(pool.committedBytes, 0);
  const failed = beginBlock(blocks, 0);
  blocks.fail(failed);
  const again = bringBlock(blocks, 0);
  t.not(again.slot, failed.slot, 'the body may write into it still');
  t.is(pool.committedBytes, BLOCK_BYTES);
  pool.release(failed);
  t.is(pool.committedBytes, 0);
  t.is(blocks.get(0), again);
});

test('a block that is dropped goes when it is not used any more', (t) => {
  const pool = new BlockPool(4 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool);
  const [first, second] = [bringBlock(blocks, 0), bringBlock(blocks, 1)];
  pool.acquire(second);
  pool.drop(first);
  pool.drop(second);
  t.deepEqual([blocks.isMissing(0), blocks.isMissing(1)], [true, false]);
  pool.release(second);
  t.true(blocks.isEmpty);
});

test('reads take all that they need or wait in line, first come, first served', async (t) => {
  const pool = new BlockPool(4 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool);
  const [first, second, third] = [[], [], []] as [Block[], Block[], Block[]];
  t.true(tryTake(pool, taking(blocks, [0, 1, 2], first)));
  t.false(tryTake(pool, taking(blocks, [3, 4], second)));
  const waiting = pool.wait(taking(blocks, [3, 4], second), undefined, URL);
  t.false(tryTake(pool, taking(blocks, [5], third)), 'not before those that wait');
  const controller = new AbortController();
  const impatient = pool.wait(taking(blocks, [5], third), undefined, URL, controller.signal);
  controller.abort();
  t.like(await t.throwsAsync(impatient), { code: 'INTERRUPTED' });
  t.is(pool.committedBytes, 3 * BLOCK_BYTES, 'who waits holds nothing');
  for (const block of first.splice(0, 2)) pool.release(block);
  await waiting;
  t.is(second.length, 2);
  t.true(tryTake(pool, taking(blocks, [5], third)));
  for (const block of [...first, ...second, ...third]) pool.release(block);
  t.is(pool.committedBytes, 0);
});

test('what is read ahead gets half at most, and nothing while a read waits', async (t) => {
  const pool = new BlockPool(8 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(pool);
  t.true(pool.hasRoomAhead(4));
  t.false(pool.hasRoomAhead(5));
  const all: Block[] = [];
  t.true(tryTake(pool, taking(blocks, [0, 1, 2, 3, 4, 5], all)));
  const more: Block[] = [];
  const waiting = pool.wait(taking(blocks, [6, 7, 8], more), undefined, URL);
  for (const block of all.splice(0, 5)) pool.release(block);
  t.false(pool.hasRoomAhead(1));
  await waiting;
  t.false(pool.hasRoomAhead(1), 'half is in use');
  for (const block of more) pool.release(block);
  t.true(pool.hasRoomAhead(3));
  const tooMany = Array.from({ length: 9 }, (_, i) => i + 9);
  await t.throwsAsync(pool.wait(taking(blocks, tooMany, more), undefined, URL), { instanceOf: RangeError });
});

/** Reads of some origins, each of which holds what it has taken. */
class Readers {
  readonly pool = new BlockPool(16 * BLOCK_BYTES, BLOCK_BYTES);
  readonly shares = new MemoryShares();
  readonly granted: string[] = [];
  #index = 0;

  async read(url: string, count: number, uid?: number): Promise<() => void> {
    const blocks = blocksIn(this.pool, { resource: url });
    const share = this.shares.acquire(url, uid);
    blocks.share = share;
    const taken: Block[] = [];
    const indexes = Array.from({ length: count }, () => (this.#index += 1));
    const attempt = taking(blocks, indexes, taken);
    if (!tryTake(this.pool, attempt, share)) await this.pool.wait(attempt, share, url);
    this.granted.push(url);
    return () => {
      for (const block of taken) this.pool.release(block);
      share.release();
    };
  }
}

test('an origin that waits for memory leaves some to others, and is served when that is released', async (t) => {
  const readers = new Readers();
  // Three quarters, when it stands alone.
  const hung = await Promise.all([1, 2, 3].map((name) => readers.read(`http://hung/${name}`, 4)));
  const waiting = readers.read('http://hung/4', 4);
  const release = await readers.read('http://healthy/1', 3);
  t.deepEqual(readers.granted.slice(3), ['http://healthy/1']);
  release();
  for (const one of hung.slice(1)) one();
  (await waiting)();
  t.is(readers.granted.at(-1), 'http://hung/4');
  hung[0]?.();
  t.is(readers.shares.count, 0);
  t.is(readers.pool.committedBytes, 0);
});

test('those who wait together count together', async (t) => {
  const readers = new Readers();
  const release = await readers.read('http://other/1', 16);
  const hung = [1, 2, 3, 4].map((name) => readers.read(`http://hung/${name}`, 4));
  release();
  await Promise.all(hung.slice(0, 3));
  await readers.read('http://healthy/1', 1);
  t.deepEqual(readers.granted.slice(-1), ['http://healthy/1']);
});

test('a user has one share for all origins, and others have their own', async (t) => {
  const [alice, bob] = [1001, 1002];
  const readers = new Readers();
  for (const host of ['a', 'b', 'c']) await readers.read(`http://${host}/`, 4, alice);
  void readers.read('http://d/', 1, alice);
  await readers.read('http://a/', 3, bob);
  t.deepEqual(readers.granted.slice(3), ['http://a/']);
});
