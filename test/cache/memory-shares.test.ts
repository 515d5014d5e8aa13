import test from 'ava';

import { BlockMemory } from '../../src/cache/block-memory.js';
import { type MemoryShare, MemoryShares } from '../../src/cache/memory-shares.js';

const BLOCK = 1024;
const LIMIT_BLOCKS = 16;
const [ALICE, BOB] = [1001, 1002];

class Memory {
  readonly shares = new MemoryShares();
  readonly #memory = new BlockMemory(LIMIT_BLOCKS * BLOCK, BLOCK);
  /** What was granted, in this order. */
  readonly granted: string[] = [];

  async reserve(url: string, blocks: number, uid?: number): Promise<MemoryShare> {
    const share = this.shares.acquire(url, uid);
    await this.#memory.reserve(blocks, undefined, share);
    this.granted.push(url);
    return share;
  }

  giveBack(share: MemoryShare, blocks: number): void {
    share.add(-blocks * BLOCK);
    this.#memory.unreserve(blocks);
    share.release();
  }
}

test('an origin that waits for memory leaves some to others, and is served when that is released', async (t) => {
  const memory = new Memory();
  // Three quarters, when it stands alone.
  const hung = [1, 2, 3].map((name) => memory.reserve(`http://hung/${name}`, 4));
  await Promise.all(hung);
  const waiting = memory.reserve('http://hung/4', 4);
  const healthy = await memory.reserve('http://healthy/1', 3);
  t.deepEqual(memory.granted.slice(3), ['http://healthy/1']);
  memory.giveBack(healthy, 3);
  for (const share of hung.slice(1)) memory.giveBack(await share, 4);
  await waiting;
  t.is(memory.granted.at(-1), 'http://hung/4');
});

test('those who wait together count together', async (t) => {
  const memory = new Memory();
  const first = await memory.reserve('http://other/1', LIMIT_BLOCKS);
  const hung = [1, 2, 3, 4].map((name) => memory.reserve(`http://hung/${name}`, 4));
  memory.giveBack(first, LIMIT_BLOCKS);
  await Promise.all(hung.slice(0, 3));
  await memory.reserve('http://healthy/1', 1);
  t.deepEqual(memory.granted.slice(-1), ['http://healthy/1']);
});

test('a user has one share for all origins, and others have their own', async (t) => {
  const memory = new Memory();
  for (const host of ['a', 'b', 'c']) await memory.reserve(`http://${host}/`, 4, ALICE);
  void memory.reserve('http://d/', 1, ALICE);
  await memory.reserve('http://a/', 3, BOB);
  t.deepEqual(memory.granted.slice(3), ['http://a/']);
});

test('more than the limit is possible alone, and what is unused is not kept', async (t) => {
  const memory = new Memory();
  const share = await memory.reserve('http://h/1', 2 * LIMIT_BLOCKS, ALICE);
  t.is(memory.shares.count, 2);
  memory.giveBack(share, 2 * LIMIT_BLOCKS);
  t.is(memory.shares.count, 0);
});
