import test from 'ava';

import { BufferPool, MAX_SLAB_BUFFERS } from '../../src/cache/buffer-pool.js';

const BUFFER_BYTES = 8;
/** Memory whose part that is used does not begin at its start. */
const SHIFT_BYTES = 3;

function poolOf(slabBuffers: number, arenaSlabs = 2): BufferPool {
  const allocate = (bytes: number): Buffer =>
    Buffer.allocUnsafeSlow(bytes + SHIFT_BYTES).subarray(SHIFT_BYTES);
  return new BufferPool({ bufferBytes: BUFFER_BYTES, slabBuffers, arenaSlabs, allocate });
}

test('what is taken in a row lies in a row', (t) => {
  const pool = poolOf(4);
  const taken = [pool.take(), pool.take(), pool.take(), pool.take()];
  t.deepEqual(
    taken.map((buffer) => buffer.byteOffset),
    [0, 8, 16, 24].map((offset) => offset + SHIFT_BYTES),
  );
  t.is(new Set(taken.map((buffer) => buffer.buffer)).size, 1);
  t.is(pool.allocatedBytes, 32);
});

test('the buffer behind another is to be had only while it is free', (t) => {
  const pool = poolOf(4);
  const [first, second] = [pool.take(), pool.take()];
  t.is(pool.takeBehind(first), undefined);
  t.is(pool.takeBehind(second)?.byteOffset, SHIFT_BYTES + 16);
  pool.release(second);
  t.is(pool.takeBehind(first)?.byteOffset, SHIFT_BYTES + 8);
  const last = pool.take();
  t.is(last.byteOffset, SHIFT_BYTES + 24);
  t.is(pool.takeBehind(last), undefined, 'it is the last of its slab');
  t.is(pool.takeBehind(new Uint8Array(BUFFER_BYTES)), undefined, 'not of the pool');
});

test('a slab of as many buffers as there can be is used up, and used again', (t) => {
  const pool = poolOf(MAX_SLAB_BUFFERS);
  const taken = Array.from({ length: MAX_SLAB_BUFFERS }, () => pool.take());
  t.is(new Set(taken.map(({ byteOffset }) => byteOffset)).size, MAX_SLAB_BUFFERS);
  t.is(pool.allocatedBytes, MAX_SLAB_BUFFERS * BUFFER_BYTES);
  const [first = pool.take()] = taken;
  const last = taken.at(-1) ?? first;
  pool.release(first);
  t.is(pool.takeBehind(last), undefined, 'the first is not behind the last');
  pool.release(last);
  t.is(pool.take().byteOffset, first.byteOffset);
  t.is(pool.take().byteOffset, last.byteOffset);
  t.is(pool.allocatedBytes, MAX_SLAB_BUFFERS * BUFFER_BYTES);
});

test('no two owners ever have the same buffer, and nothing is allocated while something is free', (t) => {
  const pool = poolOf(31);
  const owned: Uint8Array[] = [];
  let [random, most] = [1, 0];
  for (let step = 0; step < 20_000; step += 1) {
    random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
    const index = random % Math.max(1, owned.length);
    const known = owned[index];
    if (random % 7 < 3 && known !== undefined) {
      pool.release(known);
      owned.splice(index, 1);
    } else {
      const buffer = (random % 7 === 3 && known && pool.takeBehind(known)) || pool.take();
      owned.push(buffer);
      most = Math.max(most, owned.length);
    }
    if (step % 500 === 0) {
      const keys = owned.map((buffer) => `${arenaNumber(buffer)} ${buffer.byteOffset}`);
      t.is(new Set(keys).size, owned.length);
    }
  }
  t.true(pool.allocatedBytes <= Math.ceil(most / 31) * 31 * BUFFER_BYTES);
});

const arenas = new Map<ArrayBufferLike, number>();

function arenaNumber({ buffer }: Uint8Array): number {
  const number = arenas.get(buffer) ?? arenas.size;
  arenas.set(buffer, number);
  return number;
}
