/** Parts of large files by way of a cluster. */
import test from 'ava';

import { windowOf } from '../../src/cache/download/peer-window.js';
import { DFDAEMON_FAULTS, Swarm } from '../support/fake-dfdaemon/fake-dfdaemon.js';
import { startedOnce } from '../support/started-once.js';
import { contentOf, FILE_BYTES, MIB, readAt, sentBytes, serveFile, startNode } from './support.js';

const BLOCK_BYTES = 32 * 1024;
const shared = startedOnce((all) => serveFile(all));

test('windows lie side by side, and each is more than dfdaemon reads from the source itself', (t) => {
  for (const bytes of [16 * MIB, 16 * MIB + 1, 20 * MIB, 24 * MIB - 1, FILE_BYTES, 100 * MIB + 7]) {
    const blocks = Math.ceil(bytes / BLOCK_BYTES);
    for (let next = 0; next < blocks;) {
      const { first, end } = windowOf(next, BLOCK_BYTES, bytes);
      t.is(first, next);
      t.deepEqual(windowOf(end - 1, BLOCK_BYTES, bytes), { first, end });
      const length = Math.min(end * BLOCK_BYTES, bytes) - first * BLOCK_BYTES;
      t.true(length >= 8 * MIB && length < 16 * MIB, `${length}`);
      next = end;
    }
  }
});

test.serial('a read in the middle brings its window, once for all nodes', async (t) => {
  const served = await serveFile(t);
  const { url, content } = served;
  const swarm = new Swarm();
  const nodes = await Promise.all(Array.from({ length: 3 }, () => startNode(t, { swarm, mode: 'ranges' })));
  for (const [i, node] of nodes.entries()) {
    const file = await node.cache.open(url);
    t.teardown(() => file.close());
    for (const at of [9 * MIB + i, 15 * MIB, 10 * MIB]) {
      t.true((await readAt(file, at, 5_000)).equals(content.subarray(at, at + 5_000)));
    }
    t.deepEqual(
      node.dfdaemon.requests.map(({ header }) => header.range),
      [`bytes=${8 * MIB}-${16 * MIB - 1}`],
    );
    t.is(node.dfdaemon.requests[0]?.header['x-dragonfly-prefetch'], 'true');
    t.is(new Set(node.dfdaemon.requests.map(({ taskId }) => taskId)).size, 1);
  }
  t.true((await sentBytes(served)) < content.length * 1.1);
});

test.serial(
  'what is read in order from the middle comes in windows, and from the beginning by a stream',
  async (t) => {
    const { url, content } = await shared();
    const node = await startNode(t, { mode: 'ranges' });
    const file = await node.cache.open(url);
    for (let at = 7 * MIB; at < FILE_BYTES; at += MIB) {
      t.true((await readAt(file, at, MIB)).equals(content.subarray(at, at + MIB)));
    }
    file.close();
    const ranges = node.dfdaemon.requests.map(({ header }) => header.range);
    t.deepEqual(ranges, [
      `bytes=0-${8 * MIB - 1}`,
      `bytes=${8 * MIB}-${16 * MIB - 1}`,
      `bytes=${16 * MIB}-${FILE_BYTES - 1}`,
    ]);
    t.true(node.cache.report.activity.readBytes.p2p > FILE_BYTES - 7 * MIB - 100_000);
    const other = await startNode(t, { mode: 'ranges' });
    t.true((await contentOf(other, url)).equals(content));
    t.deepEqual(
      other.dfdaemon.requests.map(({ header }) => header.range),
      [undefined],
    );
  },
);

for (const name of [
  'cutMidBody',
  'stallsMidBody',
  'schedulerFails',
  'otherTag',
  'neverAnswers',
  'slow',
] as const) {
  test.serial(`what a window does not bring comes from the source: ${name}`, async (t) => {
    const { url, content } = await shared();
    const node = await startNode(t, {
      mode: 'ranges',
      firstByteMs: name === 'neverAnswers' ? 300 : 10_000,
      stallMs: 300,
    });
    node.dfdaemon.add(DFDAEMON_FAULTS[name]);
    const file = await node.cache.open(url);
    t.teardown(() => file.close());
    for (let at = 2 * MIB; at < FILE_BYTES; at += MIB) {
      t.true((await readAt(file, at, MIB)).equals(content.subarray(at, at + MIB)));
    }
    t.true(node.dfdaemon.requests.length >= 1 && node.dfdaemon.requests.length <= 3);
  });
}

test.serial('a cache without room for a window reads from the source', async (t) => {
  const { url, content } = await shared();
  const node = await startNode(t, { mode: 'ranges', cache: { memoryBytes: 6 * MIB } });
  const file = await node.cache.open(url);
  t.teardown(() => file.close());
  t.true((await readAt(file, 9 * MIB, MIB)).equals(content.subarray(9 * MIB, 10 * MIB)));
  t.is(node.dfdaemon.requests.length, 0);
});
