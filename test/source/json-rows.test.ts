import test from 'ava';

import { JsonRows } from '../../src/source/json-rows.js';
import { ListingTooLong } from '../../src/source/listing-limits.js';

function rowsOf(text: string, member?: string, pieceChars = Infinity): unknown[] {
  const rows = new JsonRows(...(member === undefined ? [] : [member]));
  const found: unknown[] = [];
  for (let at = 0; at < text.length; at += pieceChars) {
    found.push(...rows.read(text.slice(at, Math.min(at + pieceChars, text.length))));
  }
  rows.end();
  return found;
}

const LISTS = [
  '[]',
  ' [ ] ',
  '[1]',
  '[{"a":[1,[2,{"b":"]}"}]]},"x,]\\"",null,-1.5e3,true,[],{}]\n',
  '["\\\\",",","[{"]',
];

test('rows are what JSON.parse would find, however the text is cut', (t) => {
  for (const list of LISTS) {
    for (const pieceChars of [1, 2, 3, 7, Infinity]) {
      t.deepEqual(rowsOf(list, undefined, pieceChars), JSON.parse(list), list);
      const members = [
        `{"entries":${list}}`,
        ` { "a" : {"entries":[7],"b":"\\"entries\\":[8]"} , "entries" : ${list} , "z":[{}] } `,
      ];
      for (const text of members) t.deepEqual(rowsOf(text, 'entries', pieceChars), JSON.parse(list), text);
    }
  }
});

test('what is no such JSON is refused, however it is cut', (t) => {
  const wrong = [
    '',
    ' ',
    '{}',
    '"x"',
    '1',
    '[',
    '[1',
    '[1,]',
    '[,1]',
    '[,]',
    '[1 2]',
    '[1}',
    '[{]}',
    '[]]',
    '[],',
    '[1]x',
    'x[1]',
    '["\n"]',
    '[\u0000]',
  ];
  const wrongMembers = [
    '{}',
    '[]',
    '{"entries":1}',
    '{"entries":{}}',
    '{"a":{"entries":[1]}}',
    '{"entries":[1]',
    '{"entries":[1]}}',
    '{"entries":[1],}',
    '{"x" "entries":[1]}',
    '["entries":[1]]',
  ];
  for (const pieceChars of [1, 3, Infinity]) {
    for (const text of wrong)
      t.throws(() => rowsOf(text, undefined, pieceChars), { instanceOf: SyntaxError }, text);
    for (const text of wrongMembers)
      t.throws(() => rowsOf(text, 'entries', pieceChars), { instanceOf: SyntaxError }, text);
  }
});

test('depth and length of a row have limits', (t) => {
  for (const text of [
    `[${'['.repeat(100)}`,
    `[${'{"a":'.repeat(100)}`,
    `["${'x'.repeat(100_000)}"]`,
    `{"entries":[[${'['.repeat(100)}`,
  ]) {
    t.throws(() => rowsOf(text, text.startsWith('{') ? 'entries' : undefined, 1_000), {
      instanceOf: ListingTooLong,
    });
  }
});
