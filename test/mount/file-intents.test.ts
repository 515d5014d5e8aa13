import test from 'ava';

import { FileIntents } from '../../src/mount/file-intents.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const URL = 'http://h/a/page';

/** `tick()` once for each time that the process came to run. */
function start(): { intents: FileIntents; tick: (count: number) => void; isTicking: () => boolean } {
  const listeners = new Set<() => void>();
  const intents = new FileIntents(MetadataBudget.beside(0), (onTick) => {
    listeners.add(onTick);
    return () => listeners.delete(onTick);
  });
  const tick = (count: number): void => {
    for (let i = 0; i < count; i += 1) for (const listener of listeners) listener();
  };
  return { intents, tick, isTicking: () => listeners.size > 0 };
}

test('the intent of a thread lasts until the thread uses it, and is that of no other', (t) => {
  const { intents, tick } = start();
  intents.mark(7, URL);
  tick(1_000);
  intents.settle(7, 'http://h/a');
  t.true(intents.has(7, URL));
  t.false(intents.has(8, URL));
  intents.settle(8, URL);
  intents.settle(7, URL);
  t.false(intents.has(7, URL));
});

test('a request of the thread for another path ends its intent', (t) => {
  const { intents } = start();
  for (const elsewhere of [`${URL}/below`, 'http://h/b', 'http://h/a/pages']) {
    intents.mark(7, URL);
    intents.settle(7, elsewhere);
    t.false(intents.has(7, URL), elsewhere);
  }
});

test('callers of another pid namespace share an intent, which expires', (t) => {
  const { intents, tick, isTicking } = start();
  intents.mark(0, URL);
  intents.settle(0, URL);
  intents.settle(0, 'http://h/b');
  tick(10);
  t.true(intents.has(0, URL));
  t.false(intents.has(7, URL));
  intents.mark(0, URL);
  tick(10);
  t.true(intents.has(0, URL));
  tick(10);
  t.false(intents.has(0, URL));
  t.false(isTicking());
});

test('a transport without callers has intents that end when they are used', (t) => {
  const { intents } = start();
  intents.mark(-1, URL);
  t.true(intents.has(-1, URL));
  t.false(intents.has(-2, URL));
  intents.settle(-1, URL);
  t.false(intents.has(-1, URL));
});
