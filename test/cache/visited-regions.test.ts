import test from 'ava';

import { VisitedRegions } from '../../src/cache/visited-regions.js';

test('a region is known from the third visit on', (t) => {
  const regions = new VisitedRegions(100);
  t.is(regions.visit(250), undefined);
  t.is(regions.visit(299), undefined);
  t.is(regions.visit(300), undefined);
  t.deepEqual(regions.visit(200), { start: 200, end: 300 });
  t.deepEqual(regions.visit(201), { start: 200, end: 300 });
});

test('of very many regions the oldest is forgotten', (t) => {
  const regions = new VisitedRegions(1);
  for (let round = 0; round < 2; round += 1) {
    for (const offset of [0, 1]) t.is(regions.visit(offset), undefined);
  }
  for (let offset = 2; offset <= 4096; offset += 1) t.is(regions.visit(offset), undefined);
  t.deepEqual(regions.visit(1), { start: 1, end: 2 });
  t.is(regions.visit(0), undefined);
});
