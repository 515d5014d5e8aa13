import test from 'ava';

import { ShownDigests } from '../../src/cache/blocks/shown-digests.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { CountingBudget } from '../support/counting-budget.js';

const BLOCK_BYTES = 16;
const block = (index: number, letter = 'a'): Buffer => Buffer.alloc(BLOCK_BYTES, `${letter}${index}`);

test('a block is the same only with the bytes that were shown, in part or as a whole', (t) => {
  const shown = new ShownDigests(new MetadataBudget(100_000), BLOCK_BYTES);
  t.false(shown.has(0));
  t.is(shown.compare(0, block(0)), 'same', 'nothing was shown');
  shown.note(0, block(0).subarray(0, 3));
  t.true(shown.has(0));
  t.is(shown.compare(0, Buffer.concat([block(0).subarray(0, 3), Buffer.alloc(13)])), 'same');
  t.is(shown.compare(0, block(0, 'b')), 'other');
  t.is(shown.compare(0, block(0).subarray(0, 2)), 'other', 'it is shorter than what was shown');
  shown.note(0, block(0));
  t.is(shown.compare(0, block(0)), 'same');
  t.is(shown.compare(0, Buffer.concat([block(0).subarray(0, 3), Buffer.alloc(13)])), 'other');
  t.is(shown.compare(0, block(0).subarray(0, 15)), 'other');
  t.false(shown.has(1));
});

// S47
test('an endless body takes no more than the budget has, and what follows cannot be compared', (t) => {
  const budget = new CountingBudget(4_096);
  const shown = new ShownDigests(budget, BLOCK_BYTES);
  for (let index = 0; index < 10_000; index += 1) shown.note(index, block(index));
  t.true(budget.usedBytes > 1_000 && budget.usedBytes <= 4_096 / 3, `${budget.usedBytes}`);
  const kept = budget.usedBytes / 4;
  t.is(shown.compare(kept - 1, block(kept - 1)), 'same');
  t.is(shown.compare(kept - 1, block(kept - 1, 'b')), 'other');
  t.true(shown.has(kept));
  t.is(shown.compare(kept, block(kept)), 'unknown');
  t.false(shown.has(10_000));
  t.is(shown.compare(10_000, block(10_000)), 'same');
  shown.clear();
  t.is(budget.usedBytes, 0);
});

test('what had no room leaves no gap when there is room again', (t) => {
  const budget = new CountingBudget(4_096);
  const [shown, other] = [new ShownDigests(budget, BLOCK_BYTES), new ShownDigests(budget, BLOCK_BYTES)];
  shown.note(63, block(63));
  for (let index = 0; index < 256; index += 1) other.note(index, block(index));
  shown.note(64, block(64));
  other.clear();
  shown.note(65, block(65));
  t.is(shown.compare(63, block(63, 'b')), 'other');
  t.is(shown.compare(64, block(64, 'b')), 'unknown');
  t.is(shown.compare(65, block(65, 'b')), 'unknown');
  shown.clear();
  t.is(budget.usedBytes, 0);
});
