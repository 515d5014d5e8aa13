import test from 'ava';

import { VisitedRegions } from '../../src/cache/visited-regions.js';

test('a region is known from the second visit on', (t) => {
  const regions = new VisitedRegions(100);
  t.is(regions.visit(250), undefined);
  t.deepEqual(regions.visit(299), { start: 200, end: 300 });
  t.is(regions.visit(300), undefined);
});

test('of very many regions the oldest is forgotten', (t) => {
  const regions = new VisitedRegions(1);
  for (let offset = 0; offset <= 4096; offset += 1) t.is(regions.visit(offset), undefined);
  t.deepEqual(regions.visit(1), { start: 1, end: 2 });
  t.is(regions.visit(0), undefined);
});
