import test from 'ava';

import { BlockMemory } from '../../src/cache/block-memory.js';
import { MemoryShares } from '../../src/cache/memory-shares.js';

const BLOCK = 1024;
const LIMIT_BLOCKS = 16;

test('whoever waits for memory leaves some to others, and is served again when that is given back', async (t) => {
  const memory = new BlockMemory(LIMIT_BLOCKS * BLOCK, BLOCK);
  const shares = new MemoryShares();
  const order: string[] = [];
  const reserve = (url: string, blocks: number, uid?: number): Promise<void> =>
    memory.reserve(blocks, undefined, shares.of(url, uid)).then(() => {
      order.push(`${url} ${uid ?? ''}`.trim());
    });
  // Three quarters, when it stands alone.
  for (let i = 0; i < 3; i += 1) await reserve('http://hung/a', 4);
  t.is(shares.of('http://hung/b', undefined).bytes, 12 * BLOCK);
  const waiting = reserve('http://hung/b', 4);
  await reserve('http://healthy/a', 3);
  t.deepEqual(order.slice(3), ['http://healthy/a']);
  shares.of('http://healthy/a', undefined).add(-3 * BLOCK);
  memory.unreserve(3);
  await reserve('http://hung/c', 1, 1001);
  t.deepEqual(order.slice(4), ['http://hung/c 1001'], 'users have shares of their own');
  shares.of('http://hung/a', undefined).add(-8 * BLOCK);
  memory.unreserve(8);
  await waiting;
  t.is(order.at(-1), 'http://hung/b');
});

test('more than the limit is possible alone, and what nobody has a share of is not kept', async (t) => {
  const memory = new BlockMemory(LIMIT_BLOCKS * BLOCK, BLOCK);
  const shares = new MemoryShares();
  const share = shares.of('http://h/a', undefined);
  await memory.reserve(2 * LIMIT_BLOCKS, undefined, share);
  t.is(shares.count, 1);
  share.add(-2 * LIMIT_BLOCKS * BLOCK);
  t.is(shares.count, 0);
});
