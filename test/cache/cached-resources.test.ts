import { setImmediate as nextTurn } from 'node:timers/promises';

import { pino } from 'pino';
import test from 'ava';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { guardClient } from '../../src/source/guarded-client.js';
import { ChangedError, newResponse, type ResourceClient, SourceError } from '../../src/source/index.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { storeFor } from './disk-store-support.js';

const BLOCK_BYTES = 8;
const URL = 'test://host/file';

interface Origin {
  content: Buffer;
  etag: string | undefined;
  supportRange: boolean;
  failNext: number;
  /** So many bytes follow the end of the next body. */
  excessNext: number;
  downloads: { start: number; end: number }[];
  sentBytes: number;
}

function origin(content: Buffer, facts: Partial<Origin> = {}): Origin {
  return {
    content,
    etag: '"1"',
    supportRange: true,
    failNext: 0,
    excessNext: 0,
    downloads: [],
    sentBytes: 0,
    ...facts,
  };
}

async function* send(state: Origin, { start, end }: { start: number; end: number }): AsyncGenerator<Buffer> {
  const bytes = state.content.subarray(start, end);
  state.sentBytes += bytes.length;
  const excess = Buffer.alloc(state.excessNext, 'x');
  state.excessNext = 0;
  // A byte alone first, so that whoever waits for no more is answered before the rest comes.
  yield await Promise.resolve(bytes.subarray(0, 1));
  yield await nextTurn(Buffer.concat([bytes.subarray(1), excess]));
}

/** A source in memory that counts its downloads, and fails when told. */
function clientOf(state: Origin): ResourceClient {
  const at = {
    getContentLength: async () => state.content.length,
    isSupportRange: async () => state.supportRange,
  };
  return {
    ...at,
    getLastModified: async () => -1,
    isExpired: async (_request, info) => info.etag === undefined || info.etag !== state.etag,
    getMetadata: async () => ({
      kind: 'file',
      contentLength: state.content.length,
      supportRange: state.supportRange,
      lastModified: -1,
      ...(state.etag === undefined ? {} : { etag: state.etag }),
    }),
    download: async (request) => {
      const whole = { start: 0, end: state.content.length };
      const range = state.supportRange ? (request.range ?? whole) : whole;
      state.downloads.push(range);
      if (state.failNext > 0) {
        state.failNext -= 1;
        throw new SourceError('CONNECTION_LOST', 'lost', request.url);
      }
      const pinned = request.pin?.etag;
      if (pinned !== undefined && pinned !== state.etag) {
        throw new ChangedError(request.url, { expected: pinned, found: String(state.etag) });
      }
      return newResponse(send(state, range), {
        offset: range.start,
        contentLength: range.end - range.start,
      });
    },
  };
}

function cacheOf(state: Origin, memoryBytes: number, disk?: DiskCache): CachedResources {
  const client = guardClient(clientOf(state), {}, () => undefined);
  const readahead = { initialBytes: 16, slackBytes: 8, strideReads: 2, regionBytes: 4 * BLOCK_BYTES };
  return new CachedResources(
    { memoryBytes, blockBytes: BLOCK_BYTES, probeBytes: BLOCK_BYTES, readahead, metadataTtlMs: 1_000 },
    {
      clientFor: async () => client,
      log: pino({ level: 'silent' }),
      now: () => 0,
      ...(disk === undefined ? {} : { disk }),
    },
  );
}

function bytesOf(file: OpenResource, offset: number, length: number, signal?: AbortSignal): Promise<Buffer> {
  return file.read(offset, length, (pieces) => Buffer.concat(pieces), signal);
}

for (const supportRange of [true, false]) {
  for (const memoryBytes of [32, 100_000]) {
    test(`random reads are the truth: ranges ${supportRange}, memory ${memoryBytes}`, async (t) => {
      const state = origin(pattern(777), { supportRange });
      const cache = cacheOf(state, memoryBytes);
      const file = await cache.open(URL);
      let seed = 4;
      const random = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      for (let step = 0; step < 400; step += 1) {
        const [offset, length] = [random(800), 1 + random(60)];
        const read = await bytesOf(file, offset, length);
        t.deepEqual(read, state.content.subarray(offset, offset + length), `${offset} +${length}`);
      }
      if (memoryBytes > state.content.length) {
        // What a seek gives up may be on its way already.
        t.true(state.sentBytes <= state.content.length * 1.1, 'hardly a byte twice');
      }
      file.close();
    });
  }
}

test('concurrent readers share fetches, and one that gives up disturbs nobody', async (t) => {
  const state = origin(pattern(64));
  const cache = cacheOf(state, 10_000);
  const file = await cache.open(URL);
  const controller = new AbortController();
  const given = bytesOf(file, 0, 64, controller.signal);
  const others = Array.from({ length: 20 }, () => bytesOf(file, 0, 64));
  controller.abort();
  t.like(await t.throwsAsync(given), { code: 'INTERRUPTED' });
  for (const bytes of await Promise.all(others)) t.deepEqual(bytes, state.content);
  t.is(state.downloads.length, 1);
});

test('a failure is not kept', async (t) => {
  const state = origin(pattern(64), { failNext: 1 });
  const file = await cacheOf(state, 10_000).open(URL);
  t.like(await t.throwsAsync(bytesOf(file, 0, 8)), { code: 'CONNECTION_LOST' });
  t.deepEqual(await bytesOf(file, 0, 8), state.content.subarray(0, 8));
});

test('an open handle keeps its version, and the next open has the new one', async (t) => {
  const state = origin(Buffer.alloc(64, 'a'));
  const cache = cacheOf(state, 10_000);
  const old = await cache.open(URL);
  t.is((await bytesOf(old, 0, 8)).toString(), 'aaaaaaaa');
  state.content = Buffer.alloc(64, 'b');
  state.etag = '"2"';
  t.is((await bytesOf(old, 0, 8)).toString(), 'aaaaaaaa');
  t.like(await t.throwsAsync(bytesOf(old, 32, 8)), { code: 'CHANGED' });
  const fresh = await cache.open(URL);
  t.is((await bytesOf(fresh, 0, 64)).toString(), 'b'.repeat(64));
});

test('without validators, an evicted block must come back as it was', async (t) => {
  const state = origin(Buffer.alloc(640, 'a'), { etag: undefined });
  const file = await cacheOf(state, 16).open(URL);
  await bytesOf(file, 0, 8);
  for (let offset = 64; offset < 640; offset += 64) await bytesOf(file, offset, 8);
  state.content = Buffer.alloc(640, 'b');
  t.like(await t.throwsAsync(bytesOf(file, 0, 8)), { code: 'CHANGED' });
});

test('a version that a reader found superseded is not opened again because it is on disk', async (t) => {
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes: BLOCK_BYTES });
  const state = origin(pattern(64));
  const cache = cacheOf(state, 10_000, disk);
  const old = await cache.open(URL);
  await bytesOf(old, 0, 8);
  while ((await disk.newest(URL)) === undefined) await nextTurn();
  state.content = Buffer.alloc(64, 'b');
  state.etag = '"2"';
  t.like(await t.throwsAsync(bytesOf(old, 32, 8)), { code: 'CHANGED' });
  t.is((await cache.open(URL)).version.validators.etag, '"2"');
  await cache.close();
});

test('a block whose first bytes answered a reader is kept, not fetched again', async (t) => {
  const state = origin(pattern(30));
  const file = await cacheOf(state, 10_000).open(URL);
  for (const start of [16, 24]) {
    t.deepEqual(await bytesOf(file, start, 1), state.content.subarray(start, start + 1));
    await nextTurn();
    t.deepEqual(await bytesOf(file, start, 8), state.content.subarray(start, start + 8));
  }
  t.is(state.downloads.length, 2);
});

test('what follows the end of a body is not taken for its last block', async (t) => {
  const state = origin(pattern(12), { supportRange: false, etag: undefined, excessNext: 4 });
  const file = await cacheOf(state, 10_000).open(URL);
  t.like(await t.throwsAsync(bytesOf(file, 0, 12)), { code: 'PROTOCOL' });
  t.deepEqual(await bytesOf(file, 0, 12), state.content);
});
