import test from 'ava';

import { BlockMemory } from '../../src/cache/block-memory.js';
import { VersionBlocks } from '../../src/cache/version-blocks.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const BLOCK_BYTES = 64;

function blocksIn(memory: BlockMemory): VersionBlocks {
  const version = { id: '1', validators: { etag: '"1"' }, verifiable: true };
  return new VersionBlocks(
    { resource: 'test://host/file', version: '1' },
    version,
    memory,
    MetadataBudget.beside(0),
  );
}

function fill(blocks: VersionBlocks, memory: BlockMemory, index: number, bytes = BLOCK_BYTES): void {
  const block = blocks.announce(index);
  block.memory = memory.take();
  blocks.complete(block, bytes, 'source');
}

test('a reservation evicts what was used least recently, and queues when commitments take all', async (t) => {
  const memory = new BlockMemory(4 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(memory);
  await memory.reserve(4);
  for (let index = 0; index < 4; index += 1) fill(blocks, memory, index);
  t.is(memory.cachedBytes, 4 * BLOCK_BYTES);
  const first = blocks.get(0);
  if (first !== undefined) memory.touch(first);
  await memory.reserve(2);
  t.deepEqual(
    [0, 1, 2, 3].map((index) => blocks.isMissing(index)),
    [false, true, true, false],
  );
  t.false(memory.tryReserve(1), 'readahead gets half at most');
  await memory.reserve(2);
  t.is(memory.cachedBytes, 0);
  const waiting = memory.reserve(1);
  const controller = new AbortController();
  const impatient = memory.reserve(1, controller.signal);
  controller.abort();
  await t.throwsAsync(impatient, { any: true });
  memory.unreserve(4);
  await waiting;
  t.is(memory.committedBytes, BLOCK_BYTES);
  memory.unreserve(1);
  await memory.reserve(100);
  t.is(memory.committedBytes, 100 * BLOCK_BYTES, 'more than the limit is possible alone');
});

test('what a waiting read needs is kept for it, and cached when it has read', async (t) => {
  const limitBytes = 16 * 1024 * 1024;
  const memory = new BlockMemory(limitBytes, limitBytes / 16);
  const blocks = blocksIn(memory);
  const [first, second] = [blocks.announce(0), blocks.announce(1)];
  memory.acquireForReader(first);
  await memory.reserve(2);
  for (const block of [first, second]) {
    block.memory = memory.take();
    blocks.complete(block, memory.blockBytes, 'source');
  }
  t.is(memory.committedBytes, memory.blockBytes);
  await memory.reserve(15);
  t.deepEqual([first.isLost, second.isLost], [false, true]);
  memory.acquireForWriter(first);
  memory.releaseFromReader(first);
  t.is(memory.committedBytes, limitBytes, 'it is held still');
  memory.unreserve(15);
  memory.releaseFromWriter(first);
  t.is(memory.cachedBytes, memory.blockBytes);
  t.is(memory.committedBytes, 0);
});

test('what is kept for waiting reads gives way when nothing else goes on', async (t) => {
  const limitBytes = 16 * 1024 * 1024;
  const memory = new BlockMemory(limitBytes, limitBytes / 16);
  const blocks = blocksIn(memory);
  await memory.reserve(16);
  for (let index = 0; index < 16; index += 1) {
    memory.acquireForReader(blocks.announce(index));
    fill(blocks, memory, index, memory.blockBytes);
  }
  t.is(memory.committedBytes, 16 * memory.blockBytes);
  await memory.reserve(12);
  t.is(memory.committedBytes, 12 * memory.blockBytes);
  t.is(memory.cachedBytes, 4 * memory.blockBytes);
  for (const block of blocks.cached) memory.releaseFromReader(block);
  memory.unreserve(12);
  t.is(memory.committedBytes, 0);
});

test('memory is used again', async (t) => {
  const memory = new BlockMemory(2 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(memory);
  const seen = new Set<string>();
  const numbers = new Map<ArrayBufferLike, number>();
  for (let index = 0; index < 100; index += 1) {
    await memory.reserve(1);
    fill(blocks, memory, index);
    const { buffer, byteOffset } = blocks.get(index)?.memory ?? new Uint8Array();
    numbers.set(buffer, numbers.get(buffer) ?? numbers.size);
    seen.add(`${numbers.get(buffer)} ${byteOffset}`);
  }
  t.is(seen.size, 2);
});

test('a short block takes what it and its version take', async (t) => {
  const [blockBytes, many] = [32 * 1024, 50];
  const memory = new BlockMemory(1024 * blockBytes, blockBytes);
  for (let index = 0; index < many; index += 1) {
    await memory.reserve(2);
    fill(blocksIn(memory), memory, 0, 1);
    fill(blocksIn(memory), memory, 0, 3_000);
  }
  t.is(memory.cachedBytes, many * (2048 + 3_000));
});

test('short blocks beside whole ones take hardly more than the limit', async (t) => {
  const blockBytes = 32 * 1024;
  const memory = new BlockMemory(4 * 1024 * 1024, blockBytes);
  const short: VersionBlocks[] = [];
  const places = new Set<string>();
  const arenas: ArrayBufferLike[] = [];
  const bring = async (bytes: number): Promise<VersionBlocks> => {
    const blocks = blocksIn(memory);
    await memory.reserve(1);
    const block = blocks.announce(0);
    block.memory = memory.take();
    const { buffer, byteOffset } = block.memory;
    if (!arenas.includes(buffer)) arenas.push(buffer);
    places.add(`${arenas.indexOf(buffer)} ${byteOffset}`);
    blocks.complete(block, bytes, 'source');
    return blocks;
  };
  const smallBytes = (): number =>
    short
      .flatMap((blocks) => blocks.cached)
      .map((block) => block.memory?.byteLength ?? 0)
      .filter((bytes) => bytes < blockBytes)
      .reduce((sum, bytes) => sum + bytes, 0);
  for (let i = 0; i < 64; i += 1) short.push(await bring(8 * 1024));
  t.true(smallBytes() > 0);
  for (let i = 0; i < 200; i += 1) {
    // Short blocks that are used stay beside the whole ones.
    for (const block of short.flatMap((blocks) => blocks.cached)) memory.touch(block);
    await bring(blockBytes);
    const usedBytes = places.size * blockBytes + smallBytes();
    t.true(usedBytes <= (memory.limitBytes * 9) / 8, `${usedBytes} of ${memory.limitBytes}`);
  }
});

test('what is held is not evicted', async (t) => {
  const memory = new BlockMemory(2 * BLOCK_BYTES, BLOCK_BYTES);
  const blocks = blocksIn(memory);
  await memory.reserve(2);
  fill(blocks, memory, 0);
  fill(blocks, memory, 1);
  const held = blocks.get(0);
  if (held === undefined) return t.fail();
  memory.acquireForWriter(held);
  await memory.reserve(1);
  t.false(blocks.isMissing(0));
  t.true(blocks.isMissing(1));
  memory.releaseFromWriter(held);
  await memory.reserve(1);
  t.true(blocks.isMissing(0));
});
