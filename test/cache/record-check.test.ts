import { crc32 } from 'node:zlib';

import test from 'ava';

import { recordCheck } from '../../src/cache/disk/record-check.js';

test('it is the crc32 that zlib gives for the three numbers, lowest bytes first', (t) => {
  const bytes = Buffer.alloc(12);
  let number = 0xdead_beef;
  const next = (): number => (number = (Math.imul(number, 1_664_525) + 1_013_904_223) >>> 0);
  const records = [
    [0, 0, 0, 0],
    [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff],
  ];
  for (let record = 0; record < 1_000; record += 1) records.push([next(), next(), next(), next()]);
  for (const [seed = 0, ...numbers] of records) {
    for (const [place, value] of numbers.entries()) bytes.writeUInt32LE(value, place * 4);
    const [index = 0, length = 0, checksum = 0] = numbers;
    if (recordCheck(seed, index, length, checksum) !== crc32(bytes, seed))
      t.fail(`${seed}: ${numbers.join()}`);
  }
  t.pass();
});
