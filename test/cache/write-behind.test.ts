import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import { WriteBehind } from '../../src/cache/write-behind.js';

const unlimited = (): number => Infinity;

// S55
test('work waits until nothing was noted for a while, and then runs together, in the order in which it came', async (t) => {
  const queue = new WriteBehind(unlimited, { quietMs: 100, maxWaitMs: 60_000 });
  const events: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    events.push(`${name} begins`);
    await sleep(5);
    events.push(`${name} ends`);
  };
  queue.noteActivity();
  const all = Promise.all([queue.add({ write: work('a') }), queue.add({ write: work('b') })]);
  for (let i = 0; i < 5; i += 1) {
    await sleep(20);
    queue.noteActivity();
  }
  t.deepEqual(events, []);
  await all;
  t.deepEqual(events, ['a begins', 'b begins', 'a ends', 'b ends']);
});

test('what is left at the end does not wait', async (t) => {
  const queue = new WriteBehind(unlimited, { quietMs: 60_000, maxWaitMs: 60_000 });
  let done = 0;
  const work = async (): Promise<void> => {
    done += 1;
    await sleep(1);
  };
  queue.noteActivity();
  const all = [queue.add({ write: work }), queue.add({ write: work })];
  t.is(done, 0);
  queue.drain();
  await Promise.all(all);
  t.is(done, 2);
});

// S55
test('what has waited for long, or is in a hurry, does not wait for quiet', async (t) => {
  const queue = new WriteBehind(unlimited, { quietMs: 60_000, maxWaitMs: 100 });
  const work = (): Promise<void> => sleep(1);
  queue.noteActivity();
  const begunMs = performance.now();
  await queue.add({ write: work });
  t.true(performance.now() - begunMs >= 90);

  const patient = new WriteBehind(unlimited, { quietMs: 60_000, maxWaitMs: 60_000 });
  patient.noteActivity();
  const first = [patient.add({ write: work }), patient.add({ write: work })];
  await patient.flush();
  await Promise.all(first);
  let isLaterDone = false;
  const later = patient.add({ write: work }).then(() => {
    isLaterDone = true;
  });
  await sleep(20);
  t.false(isLaterDone, 'that came after the call');
  patient.drain();
  await later;
});

// S55
test('with what has waited for long goes what waits behind it', async (t) => {
  const queue = new WriteBehind(unlimited, { quietMs: 60_000, maxWaitMs: 200 });
  const begunMs: number[] = [];
  const work = (): Promise<void> => {
    begunMs.push(performance.now());
    return sleep(1);
  };
  queue.noteActivity();
  const all: Promise<void>[] = [];
  for (let i = 0; i < 10; i += 1) {
    all.push(queue.add({ write: work }));
    await sleep(10);
  }
  await Promise.all(all);
  t.is(begunMs.length, 10);
  t.true((begunMs.at(-1) ?? Infinity) - (begunMs[0] ?? 0) < 50, 'they are one message');
});
