/** When nothing is requested of dfdaemon. */
import test from 'ava';

import { Breaker, BREAK_MS } from '../../src/source/p2p/breaker.js';
import { verdictOf } from '../../src/source/p2p/p2p-answer.js';
import { Pace } from '../../src/source/p2p/pace.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';

test('three failures in a row keep requests back, and then one is tried at a time', (t) => {
  let nowMs = 0;
  const opened: string[] = [];
  const breaker = new Breaker(
    (reason) => opened.push(reason),
    () => nowMs,
  );
  breaker.fail('1');
  breaker.fail('2');
  breaker.succeed();
  breaker.fail('1');
  breaker.fail('2');
  t.true(breaker.tryPass());
  breaker.fail('3');
  t.false(breaker.tryPass());
  nowMs += BREAK_MS;
  t.true(breaker.tryPass());
  t.false(breaker.tryPass(), 'one trial at a time');
  breaker.fail('4');
  nowMs += BREAK_MS - 1;
  t.false(breaker.tryPass());
  nowMs += 1;
  t.true(breaker.tryPass());
  breaker.pass();
  t.true(breaker.tryPass(), 'a trial that showed nothing');
  breaker.succeed();
  t.is(breaker.untilMs, undefined);
  t.true(breaker.tryPass() && breaker.tryPass());
  t.deepEqual(opened, ['3'], 'it is said once');
});

test('no more than twenty requests in a second, and none waits long', (t) => {
  let nowMs = 0;
  const pace = new Pace(() => nowMs);
  const sentMs: number[] = [];
  let refused = 0;
  for (; nowMs < 3_000; nowMs += 10) {
    const waitMs = pace.take();
    if (waitMs === undefined) refused += 1;
    else sentMs.push(nowMs + waitMs);
  }
  t.true(refused > 0);
  for (const atMs of sentMs)
    t.true(sentMs.filter((other) => other >= atMs && other < atMs + 1_000).length <= 20);
  nowMs = 100_000;
  t.is(pace.take(), 0);
});

test('the type of an error counts before its status', (t) => {
  const kindOf = (status: number, type?: string, retryAfter?: string): unknown => {
    const header = new HeaderFields();
    if (type !== undefined) header.set('x-dragonfly-error-type', type);
    if (retryAfter !== undefined) header.set('retry-after', retryAfter);
    const verdict = verdictOf({ status, header });
    return verdict.kind === 'busy' ? [verdict.kind, verdict.forMs] : verdict.kind;
  };
  t.is(kindOf(200), 'content');
  t.is(kindOf(206), 'content');
  t.is(kindOf(200, 'backend'), 'refused');
  t.is(kindOf(206, 'dfdaemon'), 'failed');
  t.is(kindOf(412, 'backend'), 'refused');
  t.is(kindOf(429, 'backend'), 'refused');
  t.deepEqual(kindOf(429, 'proxy'), ['busy', 10_000]);
  t.deepEqual(kindOf(429, undefined, '3'), ['busy', 3_000]);
  t.deepEqual(kindOf(429, 'proxy', '999999'), ['busy', 300_000]);
  for (const status of [400, 401, 403, 407]) t.is(kindOf(status, 'proxy'), 'forbidden');
  t.is(kindOf(404), 'forbidden', 'no dfdaemon, or none of ours');
  t.is(kindOf(500, 'dfdaemon'), 'failed');
  t.is(kindOf(502), 'failed');
  t.is(kindOf(304), 'failed');
});
