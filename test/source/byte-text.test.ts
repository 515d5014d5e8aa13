import { randomBytes } from 'node:crypto';

import test from 'ava';

import {
  bytesOfText,
  byteLengthOfText,
  percentDecoded,
  percentEncoded,
  textOfBytes,
} from '../../src/source/byte-text.js';

const CASES: readonly (readonly [hex: string, text: string])[] = [
  ['', ''],
  ['61', 'a'],
  ['c3bc', 'ü'],
  ['ff', '\udcff'],
  ['61ff62', 'a\udcffb'],
  ['fc6265722dc3bc', '\udcfcber-ü'],
  // U+FFFD itself, an overlong form, a surrogate, a character that is cut off, one beyond Unicode.
  ['efbfbd', '\ufffd'],
  ['c0af', '\udcc0\udcaf'],
  ['eda080', '\udced\udca0\udc80'],
  ['e697', '\udce6\udc97'],
  ['f4908080', '\udcf4\udc90\udc80\udc80'],
  ['f09f9098', '🐘'],
];

test('bytes that are not UTF-8 become lone surrogates, and come back', (t) => {
  for (const [hex, text] of CASES) {
    const bytes = Buffer.from(hex, 'hex');
    t.is(textOfBytes(bytes), text, hex);
    t.deepEqual(bytesOfText(text), bytes, hex);
    t.is(byteLengthOfText(text), bytes.length, hex);
  }
});

// S10
test('any bytes come back, by text and by escapes', (t) => {
  for (let round = 0; round < 2_000; round += 1) {
    const bytes = randomBytes(round % 40);
    const text = textOfBytes(bytes);
    t.deepEqual(bytesOfText(text), bytes);
    t.is(percentDecoded(percentEncoded(text)), text);
  }
});

test('what is decoded is taken by its bytes, whatever else it holds', (t) => {
  t.is(percentDecoded('a%20b%FF'), 'a b\udcff');
  t.is(percentDecoded('ü%fc%zz%u00fc%'), 'ü\udcfc%zz%u00fc%');
  t.is(percentDecoded('100%25'), '100%');
});
