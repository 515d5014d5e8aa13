import test from 'ava';

import { checksumOf } from '../../src/checksum.js';
import { pattern } from '../support/tree.js';

test('it is the lower half of XXH64, as the reference implementation gives it', (t) => {
  // xxhsum -H1: ef46db3751d8e999, d24ec4f1a98c6e5b, 44bc2cf5ad770999.
  t.is(checksumOf(Buffer.of()), 0x51d8_e999);
  t.is(checksumOf(Buffer.from('a')), 0xa98c_6e5b);
  t.is(checksumOf(Buffer.from('abc')), 0xad77_0999);
});

test('any flipped bit changes it, wherever it lies', (t) => {
  const bytes = pattern(64 * 1024);
  const sum = checksumOf(bytes);
  for (let bit = 0; bit < bytes.length * 8; bit += 4093) {
    const at = bit >> 3;
    const before = bytes[at] ?? 0;
    bytes[at] = before ^ (1 << (bit & 7));
    if (checksumOf(bytes) === sum) t.fail(`bit ${bit}`);
    bytes[at] = before;
  }
  t.is(checksumOf(bytes), sum);
});
