import test from 'ava';

import { bodyReader, newResponse } from '../../src/source/index.js';
import { checksumOf } from '../../src/checksum.js';

async function* chunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) {
    await Promise.resolve();
    yield bytes.subarray(at, at + length);
  }
}

const BODY = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7) % 251);

for (const length of [1, 7, 100, 333, 1000]) {
  test(`a body in chunks of ${length} is read in parts of any size`, async (t) => {
    const reader = bodyReader(newResponse(chunks(BODY, length)));
    const found: Uint8Array[] = [];
    for (const sizes of [[10], [90, 200], [1, 1, 1], [500], [400]]) {
      const pieces = sizes.map((size) => new Uint8Array(new SharedArrayBuffer(size)));
      const checksums: number[] = [];
      const seen: number[] = [];
      const bytes = await reader.read({
        pieces,
        onBytes: (count) => seen.push(count),
        onPiece: (_, checksum) => checksums.push(checksum),
      });
      found.push(Buffer.concat(pieces.map((piece) => Buffer.from(piece))).subarray(0, bytes));
      t.deepEqual(
        seen,
        seen.toSorted((a, b) => a - b),
      );
      t.is(seen.at(-1) ?? 0, bytes);
      const full = pieces.filter((_, i) => sizes.slice(0, i + 1).reduce((a, b) => a + b) <= bytes);
      t.deepEqual(checksums, full.map(checksumOf));
    }
    t.is(Buffer.compare(Buffer.concat(found), BODY), 0);
    t.is(await reader.read({ pieces: [new Uint8Array(1)] }), 0);
  });
}

test('a body that breaks rejects this read and the next ones', async (t) => {
  const broken = (async function* body() {
    await Promise.resolve();
    yield BODY.subarray(0, 10);
    throw new Error('broken');
  })();
  const reader = bodyReader(newResponse(broken));
  t.is(await reader.read({ pieces: [new Uint8Array(5)] }), 5);
  await t.throwsAsync(reader.read({ pieces: [new Uint8Array(10)] }), { message: 'broken' });
  await t.throwsAsync(reader.read({ pieces: [new Uint8Array(10)] }), { message: 'broken' });
});

test('a body that is cancelled by its reader, while it is filled, ends that read', async (t) => {
  const response = newResponse(chunks(BODY, 100));
  const read = bodyReader(response).read({
    pieces: [new Uint8Array(1000)],
    onBytes: (bytes) => {
      if (bytes === 300) response.cancel();
    },
  });
  await t.throwsAsync(read, { message: 'the response was cancelled' });
});
