import test from 'ava';

import { ScratchBuffers } from '../../src/cache/scratch-buffers.js';

const URL = 'test://host/file';

test('buffers are reused, and a reader that finds none waits its turn', async (t) => {
  const scratch = new ScratchBuffers(2, 16);
  const memories = new Set<ArrayBufferLike>();
  let [running, most] = [0, 0];
  const work = async (buffer: Uint8Array): Promise<number> => {
    memories.add(buffer.buffer);
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    return buffer.byteLength;
  };
  const lengths = await Promise.all(Array.from({ length: 9 }, () => scratch.use(10, URL, undefined, work)));
  t.deepEqual(new Set(lengths), new Set([10]));
  t.is(most, 2);
  t.is(memories.size, 2);
  t.is(await scratch.use(100, URL, undefined, work), 100, 'more than usual is possible');
});

test('a reader that aborts or fails holds up no other', async (t) => {
  const scratch = new ScratchBuffers(1, 16);
  let end = (): void => undefined;
  const first = scratch.use(1, URL, undefined, () => new Promise<void>((resolve) => (end = resolve)));
  const controller = new AbortController();
  const impatient = scratch.use(1, URL, controller.signal, () => Promise.resolve());
  const failing = scratch.use(1, URL, undefined, () => Promise.reject(new Error('of its own')));
  const last = scratch.use(1, URL, undefined, () => Promise.resolve('served'));
  controller.abort();
  await t.throwsAsync(impatient, { name: 'InterruptedError' });
  end();
  await first;
  await t.throwsAsync(failing, { message: 'of its own' });
  t.is(await last, 'served');
});
