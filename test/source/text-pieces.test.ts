import test from 'ava';

import { TextPieces } from '../../src/source/text-pieces.js';

const PIECE_BYTES = 16 * 1024;

function textIn(bytes: Uint8Array, chunkBytes: number): string[] {
  const pieces = new TextPieces();
  const found: string[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    // The memory of a chunk is used again.
    const chunk = Buffer.from(bytes.subarray(at, at + chunkBytes));
    found.push(...pieces.add(chunk));
    chunk.fill(0);
  }
  return [...found, pieces.end()];
}

test('no character is cut, wherever a piece or a chunk ends', (t) => {
  for (const character of ['ü', '€', '🐘']) {
    for (let before = 0; before < 5; before += 1) {
      const text = `${'x'.repeat(PIECE_BYTES - before)}${character.repeat(PIECE_BYTES / 2)}`;
      const bytes = Buffer.from(text);
      for (const chunkBytes of [bytes.length, PIECE_BYTES, PIECE_BYTES - 1, 1_000]) {
        const pieces = textIn(bytes, chunkBytes);
        t.true(pieces.join('') === text, `${character} ${before} ${chunkBytes}`);
        t.true(pieces.every((piece) => !/[\ud800-\udbff]$|^[\udc00-\udfff]/.test(piece)));
      }
    }
  }
});

test('small chunks are not copied again and again', (t) => {
  const bytes = Buffer.alloc(1024 * 1024, 'x');
  const began = process.cpuUsage();
  t.is(textIn(bytes, 1).join('').length, bytes.length);
  const { user, system } = process.cpuUsage(began);
  // A copy of 16 KiB for each byte took seconds.
  t.true(user + system < 1_000_000, `${user + system} µs`);
});
