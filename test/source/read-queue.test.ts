import test from 'ava';

import type { ReadRequest } from '../../src/source/schemes/sftp/pending-requests.js';
import { ReadQueue } from '../../src/source/schemes/sftp/read-queue.js';

const [KIB, MIB] = [1024, 1024 * 1024];
const MAX_BYTES = 8 * MIB;

function start() {
  const sent: ReadRequest[] = [];
  const queue = new ReadQueue(
    (request) => sent.push(request),
    () => MAX_BYTES,
  );
  const add = (length: number): void =>
    queue.add({
      handle: Buffer.of(),
      offset: 0,
      length,
      isCancelled: false,
      isBackground: () => false,
      sent: () => undefined,
      take: () => undefined,
      done: () => undefined,
      fail: () => undefined,
    });
  /** As if it had been sent so long ago. */
  const end = (tookMs: number): void => {
    const request = sent.shift();
    if (request === undefined) throw new Error('nothing was sent');
    request.sentAtMs = performance.now() - tookMs;
    queue.noteEnd(request);
  };
  return { queue, sent, add, end };
}

test('the window grows while answers come soon, shrinks while they wait for each other, and has limits', (t) => {
  const { queue, sent, add, end } = start();
  for (let i = 0; i < 400; i += 1) add(224 * KIB);
  t.is(queue.windowBytes, 2 * MIB);
  for (let i = 0; i < 100; i += 1) end(50);
  t.is(queue.windowBytes, MAX_BYTES);
  t.true(queue.inFlightBytes > 6 * MIB && queue.inFlightBytes <= MAX_BYTES, `${queue.inFlightBytes}`);
  for (let i = 0; i < 100; i += 1) end(5_000);
  t.is(queue.windowBytes, 2 * MIB);
  while (sent.length > 0) end(50);
  t.is(queue.inFlightBytes, 0);
});

test('short reads, one after the other, show nothing of how much the link carries', (t) => {
  const { queue, add, end } = start();
  for (let i = 0; i < 200; i += 1) {
    add(64 * KIB);
    end(50);
  }
  t.is(queue.windowBytes, 2 * MIB);
});
