import test from 'ava';

import { Slots } from '../../src/cache/blocks/slots.js';

const SLOT_BYTES = 16;

test('slots that are taken in a row lie side by side, and the one given back last is used first', (t) => {
  const slots = new Slots(100, SLOT_BYTES);
  const taken = Array.from({ length: 100 }, () => slots.take());
  t.deepEqual(taken, [...taken.keys()]);
  t.is(slots.freeCount, 0);
  t.throws(() => slots.take());
  for (const slot of [70, 3, 71]) slots.release(slot);
  t.deepEqual([slots.take(), slots.take(), slots.take()], [3, 70, 71]);
  slots.release(99);
  t.is(slots.take(), 99);
});

test('memory is shared, of one length, and of no other slot', (t) => {
  const slots = new Slots(5, SLOT_BYTES, (bytes) => new Uint8Array(new SharedArrayBuffer(bytes + 3), 3));
  const views = Array.from({ length: 5 }, () => slots.memoryOf(slots.take()));
  for (const [i, view] of views.entries()) view.fill(i);
  for (const [i, view] of views.entries()) {
    t.deepEqual([...view], Array(SLOT_BYTES).fill(i));
    t.true(view.buffer instanceof SharedArrayBuffer);
  }
});
