import test from 'ava';

import { Readahead } from '../../src/cache/readahead.js';

const OPTIONS = { initialBytes: 100, slackBytes: 20, regionBytes: 1_000 };

test('the window opens with the second sequential read, and doubles while the reader waits', (t) => {
  const readahead = new Readahead(OPTIONS);
  const next = (start: number, end: number, stalled = true): number =>
    readahead.next(start, end, stalled, 400).aheadEnd;
  t.is(next(0, 10), 10);
  t.is(next(10, 20), 120);
  t.is(next(20, 30), 120, 'less than half is used');
  t.is(next(30, 80), 280);
  t.is(next(80, 190), 590);
  t.is(next(190, 400), 800, 'at most 400');
  t.is(next(400, 700, false), 1_100);
  t.is(next(5_000, 5_010), 5_010, 'a far seek closes it');
  t.is(next(5_010, 5_020), 5_120);
});

test('a reader that never waits does not widen the window', (t) => {
  const readahead = new Readahead(OPTIONS);
  for (let at = 0; at < 1_000; at += 10) {
    const { aheadEnd } = readahead.next(at, at + 10, false, 400);
    t.true(aheadEnd <= at + 10 + 100);
  }
});

test('reads out of order, near the stream, belong to it', (t) => {
  const readahead = new Readahead(OPTIONS);
  readahead.next(0, 10, true, 400);
  readahead.next(10, 20, true, 400);
  const { abandoned, aheadEnd } = readahead.next(30, 40, true, 400);
  t.is(abandoned, undefined);
  t.true(aheadEnd >= 120);
  t.true(readahead.next(20, 30, true, 400).aheadEnd >= 120, 'backward');
  t.is(readahead.streams.length, 1);
});

test('two interleaved streams are followed, a third one replaces the older', (t) => {
  const readahead = new Readahead(OPTIONS);
  for (let i = 0; i < 5; i += 1) {
    readahead.next(i * 10, i * 10 + 10, true, 400);
    readahead.next(10_000 + i * 10, 10_010 + i * 10, true, 400);
  }
  t.deepEqual(
    readahead.streams.map((stream) => stream.windowBytes > 0),
    [true, true],
  );
  const { abandoned } = readahead.next(50_000, 50_010, true, 400);
  t.is(abandoned?.end, 50);
});

test('a reader that comes to a region again and again gets the rest of it, if it has to wait', (t) => {
  const readahead = new Readahead(OPTIONS);
  const next = (start: number, stalled = true, maxBytes = 1_000): ReturnType<Readahead['next']> =>
    readahead.next(start, start + 10, stalled, maxBytes);
  for (const start of [5_100, 9_100, 5_500, 9_400]) t.is(next(start).region, undefined);
  t.is(next(5_050, false).region, undefined, 'it is there already');
  t.deepEqual(next(9_700).region, { start: 9_000, end: 10_000 });
  t.is(next(5_200, true, 999).region, undefined, 'there is no room');
  const plan = next(5_300);
  t.deepEqual(plan.region, { start: 5_000, end: 6_000 });
  t.not(plan.ahead, plan.stream, 'it is not given up with the stream');
  t.true(readahead.holders.includes(plan.ahead));
});

test('a stream that goes backward gets regions as well, one that is out of order does not', (t) => {
  const readahead = new Readahead({ ...OPTIONS, slackBytes: 2_000 });
  const regionOf = (start: number): unknown => readahead.next(start, start + 10, true, 1_000).region;
  for (const start of [9_000, 9_010, 9_030, 9_020]) t.is(regionOf(start), undefined);
  for (const start of [8_990, 8_980]) t.is(regionOf(start), undefined, 'not often enough');
  t.deepEqual(regionOf(8_970), { start: 8_000, end: 9_000 });
  t.is(regionOf(8_975), undefined, 'it has been lower');
});
