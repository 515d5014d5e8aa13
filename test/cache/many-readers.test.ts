import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { newResponse, type ResourceClient, type Promotion } from '../../src/source/index.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const MIB = 1024 * 1024;
const FILES = 32;
const FILE_BYTES = 4 * MIB;
const READ_BYTES = MIB;
const CHUNK_BYTES = 256 * 1024;

interface Sent {
  bytes: number;
  /** Of requests that were made for later. */
  readonly promotions: Promotion[];
}

function client(sent: Sent): ResourceClient {
  async function* body(start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at < end; at += CHUNK_BYTES) {
      const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, end - at), at % 251);
      sent.bytes += chunk.length;
      yield await nextTurn(chunk);
    }
  }
  return {
    getContentLength: async () => FILE_BYTES,
    isSupportRange: async () => true,
    getLastModified: async () => -1,
    isExpired: async () => false,
    getMetadata: async () => ({
      kind: 'file',
      contentLength: FILE_BYTES,
      supportRange: true,
      lastModified: -1,
      etag: '"1"',
    }),
    download: async ({ range = { start: 0, end: FILE_BYTES }, priority, promotion }) => {
      await nextTurn();
      const response = newResponse(body(range.start, range.end), {
        offset: range.start,
        contentLength: range.end - range.start,
      });
      if (priority === 'background' && promotion !== undefined) sent.promotions.push(promotion);
      return response;
    },
  };
}

function cacheOf(sent: Sent, memoryBytes: number): CachedResources {
  const validating = validatingClient(client(sent));
  const context = {
    clientFor: async () => validating,
    budget: MetadataBudget.beside(0),
    log: pino({ level: 'silent' }),
  };
  return new CachedResources({ memoryBytes }, context);
}

// S84
test('with more readers than memory every byte is fetched once', async (t) => {
  const sent: Sent = { bytes: 0, promotions: [] };
  const cache = cacheOf(sent, 24 * MIB);
  await Promise.all(
    Array.from({ length: FILES }, async (_, number) => {
      const file = await cache.open(`test://host/${number}`);
      for (let at = 0; at < FILE_BYTES; at += READ_BYTES) {
        const bytes = await file.read(at, READ_BYTES, (views) => views.reduce((sum, v) => sum + v.length, 0));
        t.is(bytes, READ_BYTES);
      }
      file.close();
    }),
  );
  t.is(sent.bytes, FILES * FILE_BYTES);
  await cache.close();
});

test('a read that needs what was fetched ahead promotes it', async (t) => {
  const sent: Sent = { bytes: 0, promotions: [] };
  const cache = cacheOf(sent, 64 * MIB);
  const file = await cache.open('test://host/0');
  const length = 64 * 1024;
  const read = (at: number): Promise<number> => file.read(at, length, (views) => views.length);
  for (let at = 0; at < FILE_BYTES / 2; at += 2 * length) await Promise.all([read(at), read(at + length)]);
  t.true(sent.promotions.some((promotion) => promotion.isPromoted));
  file.close();
  await cache.close();
});
