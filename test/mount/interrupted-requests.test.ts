import { mock } from 'node:test';

import test from 'ava';

import { InterruptedRequests } from '../../src/mount/dev-fuse/interrupted-requests.js';
import { RequestCaller } from '../../src/mount/dev-fuse/request-caller.js';
import type { SignalIntent } from '../../src/mount/dev-fuse/signal-intent.js';

test.serial('each of hundreds of waiting threads is looked at within 100 ms', (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  let intent: SignalIntent = 'continue';
  const interrupted = new InterruptedRequests({ intentOf: () => intent });
  const callers = Array.from({ length: 500 }, (_, i) => new RequestCaller(i, undefined));
  for (const caller of callers) interrupted.add(caller);
  const left = (): number => callers.filter(({ isInterrupted }) => !isInterrupted).length;
  mock.timers.tick(50);
  mock.timers.tick(50);
  t.is(left(), 500);
  intent = 'abort';
  mock.timers.tick(50);
  mock.timers.tick(50);
  t.is(left(), 0);
});
