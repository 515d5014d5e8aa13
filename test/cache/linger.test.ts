/** How long a body without readers is kept, and that the end of that time affects no other reader. */
import { mock } from 'node:test';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { withResolvers } from '../../src/with-resolvers.js';
import { newResponse, SourceError } from '../../src/source/index.js';
import { fileClient } from '../support/file-client.js';
import { until } from '../support/until.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const BLOCK_BYTES = 4096;
const LINGER_MS = 10_000;
/** More than the download fetches ahead of its readers. */
const BODY_BLOCKS = 4096;
const content = Buffer.concat(Array.from({ length: 16 }, (_, i) => Buffer.alloc(BLOCK_BYTES, 65 + i)));

/** A file without ranges, whose first download breaks after four blocks. The second waits in the midst of a block. */
function breakingFile(): { cache: CachedResources; go: () => void; isWaiting: () => boolean } {
  const gate = withResolvers<void>();
  let [downloads, isWaiting] = [0, false];
  async function* send(): AsyncGenerator<Buffer> {
    const download = (downloads += 1);
    for (let at = 0; at < content.length; at += BLOCK_BYTES / 2) {
      if (download === 1 && at === 4 * BLOCK_BYTES) throw new SourceError('CONNECTION_LOST', 'lost', 'x');
      if (download === 2 && at === 5.5 * BLOCK_BYTES) {
        isWaiting = true;
        await gate.promise;
      }
      yield await Promise.resolve(content.subarray(at, at + BLOCK_BYTES / 2));
    }
  }
  const validating = fileClient({ contentLength: content.length, supportRange: false }, async () =>
    newResponse(send(), { offset: 0, contentLength: content.length }),
  );
  const cache = new CachedResources(
    { memoryBytes: 64 * BLOCK_BYTES, blockBytes: BLOCK_BYTES, probeBytes: BLOCK_BYTES },
    { clientFor: async () => validating, budget: MetadataBudget.beside(0), log: pino({ level: 'silent' }) },
  );
  return { cache, go: () => gate.resolve(), isWaiting: () => isWaiting };
}

function read(file: OpenResource, block: number): Promise<Buffer> {
  return file.read(block * BLOCK_BYTES, BLOCK_BYTES, (pieces) => Buffer.concat(pieces));
}

test.serial('an open is not interrupted by the linger time of earlier readers', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.teardown(() => mock.timers.reset());
  const { cache, go, isWaiting } = breakingFile();
  const first = await cache.open('test://host/file');
  await read(first, 0);
  await t.throwsAsync(read(first, 4));
  first.close();
  mock.timers.tick(LINGER_MS - 1);
  const second = await cache.open('test://host/file');
  const reading = read(second, 5);
  await until('the second download waits', isWaiting);
  mock.timers.tick(LINGER_MS);
  go();
  t.true((await reading).equals(content.subarray(5 * BLOCK_BYTES, 6 * BLOCK_BYTES)));
  second.close();
  await cache.close();
});

// S49
test.serial(
  'a download without readers goes on for the next one, and ends after the linger time',
  async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.teardown(() => mock.timers.reset());
    let [downloads, ended] = [0, 0];
    async function* send(): AsyncGenerator<Buffer> {
      downloads += 1;
      try {
        for (let at = 0; at < BODY_BLOCKS; at += 1)
          yield await Promise.resolve(Buffer.alloc(BLOCK_BYTES, at));
      } finally {
        ended += 1;
      }
    }
    const contentLength = BODY_BLOCKS * BLOCK_BYTES;
    const client = fileClient({ contentLength, supportRange: false }, async () =>
      newResponse(send(), { offset: 0, contentLength }),
    );
    const cache = new CachedResources(
      { memoryBytes: 64 * BLOCK_BYTES, blockBytes: BLOCK_BYTES, probeBytes: BLOCK_BYTES },
      { clientFor: async () => client, budget: MetadataBudget.beside(0), log: pino({ level: 'silent' }) },
    );
    const readOnce = async (block: number): Promise<void> => {
      const file = await cache.open('test://host/file');
      t.deepEqual(await read(file, block), Buffer.alloc(BLOCK_BYTES, block));
      file.close();
    };
    await readOnce(0);
    mock.timers.tick(LINGER_MS - 1);
    await readOnce(20);
    mock.timers.tick(LINGER_MS - 1);
    t.deepEqual([downloads, ended], [1, 0], 'it goes on');
    mock.timers.tick(1);
    await until('the download ends', () => ended === 1);
    await readOnce(30);
    t.is(downloads, 2);
    await cache.close();
  },
);

test.serial('a wait for a size fails when the cache is closed', async (t) => {
  async function* send(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(10);
    await new Promise(() => undefined);
  }
  const validating = fileClient({ supportRange: false }, async () => newResponse(send(), { offset: 0 }));
  const cache = new CachedResources(
    {},
    { clientFor: async () => validating, budget: MetadataBudget.beside(0), log: pino({ level: 'silent' }) },
  );
  const file = await cache.open('test://host/file');
  const size = t.throwsAsync(file.whenSizeKnown());
  await cache.close();
  t.like(await size, { code: 'INTERRUPTED' });
});
