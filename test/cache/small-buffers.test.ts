import test from 'ava';

import { SmallBuffers } from '../../src/cache/small-buffers.js';

const SLAB_BYTES = 1024;

test('pieces of a slab do not overlap, and a slab goes with its last piece', (t) => {
  const buffers = new SmallBuffers(SLAB_BYTES);
  const pieces = Array.from({ length: 20 }, () => buffers.take(100, Infinity) ?? new Uint8Array());
  for (const [i, piece] of pieces.entries()) piece.fill(i);
  for (const [i, piece] of pieces.entries()) t.deepEqual([...new Set(piece)], [i]);
  t.is(buffers.allocatedBytes, 3 * SLAB_BYTES);
  for (const piece of pieces.slice(0, 8)) buffers.giveBack(piece);
  t.is(buffers.allocatedBytes, 2 * SLAB_BYTES);
  for (const piece of pieces.slice(8)) buffers.giveBack(piece);
  t.is(buffers.allocatedBytes, 0);
  t.is(buffers.take(100, Infinity)?.byteLength, 100, 'what is gone is not cut any more');
});

test('a slab is allocated only where there is room, and for short pieces', (t) => {
  const buffers = new SmallBuffers(SLAB_BYTES);
  t.is(buffers.take(100, SLAB_BYTES - 1), undefined);
  t.is(buffers.take(SLAB_BYTES / 2 + 1, Infinity), undefined);
  t.is(buffers.take(100, SLAB_BYTES)?.byteLength, 100);
  t.is(buffers.take(100, 0)?.byteLength, 100, 'the slab is there');
});

test('what was never taken here is not given back', (t) => {
  const buffers = new SmallBuffers(SLAB_BYTES);
  buffers.take(100, Infinity);
  buffers.giveBack(new Uint8Array(100));
  t.is(buffers.allocatedBytes, SLAB_BYTES);
});
