import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { pino } from 'pino';
import test from 'ava';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache, StoredVersion } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { validatingClient } from '../../src/source/validating-client.js';
import {
  ChangedError,
  newResponse,
  type ResourceClient,
  type Response,
  SourceError,
} from '../../src/source/index.js';
import { temporaryDirectory } from '../support/temp.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';
import { storeFor } from './disk-store-support.js';
import { UrlSet } from '../../src/cache/url-set.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const BLOCK_BYTES = 8;
const URL = 'test://host/file';

interface Origin {
  content: Buffer;
  etag: string | undefined;
  supportRange: boolean;
  /** The probe brings the body along. */
  isProbed: boolean;
  isLengthKnown: boolean;
  /** All but the first byte waits for it. */
  gate: Promise<unknown> | undefined;
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
    isProbed: false,
    isLengthKnown: true,
    gate: undefined,
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
  // A byte alone first, so that a reader of no more is answered before the rest comes.
  yield await Promise.resolve(bytes.subarray(0, 1));
  await state.gate;
  yield await nextTurn(Buffer.concat([bytes.subarray(1), excess]));
}

function bodyOf(state: Origin, range: { start: number; end: number }): Response {
  const contentLength = state.isLengthKnown ? range.end - range.start : -1;
  return newResponse(send(state, range), { offset: range.start, contentLength });
}

/** A source in memory that counts its downloads, and fails on demand. */
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
      contentLength: state.isLengthKnown ? state.content.length : -1,
      supportRange: state.supportRange,
      lastModified: -1,
      ...(state.etag === undefined ? {} : { etag: state.etag }),
      ...(state.isProbed ? { response: bodyOf(state, { start: 0, end: state.content.length }) } : {}),
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
      return bodyOf(state, range);
    },
  };
}

function cacheOf(state: Origin, memoryBytes: number, disk?: DiskCache): CachedResources {
  const client = validatingClient(clientOf(state));
  const readahead = { initialBytes: 16, slackBytes: 8, regionBytes: 4 * BLOCK_BYTES };
  return new CachedResources(
    { memoryBytes, blockBytes: BLOCK_BYTES, probeBytes: BLOCK_BYTES, readahead, metadataTtlMs: 1_000 },
    {
      clientFor: async () => client,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      now: () => 0,
      ...(disk === undefined ? {} : { disk }),
    },
  );
}

function bytesOf(file: OpenResource, offset: number, length: number, signal?: AbortSignal): Promise<Buffer> {
  return file.read(offset, length, (pieces) => Buffer.concat(pieces), { signal });
}

test('what need not wait makes no signal: a read, an open, a stat', async (t) => {
  const cache = cacheOf(origin(pattern(777)), 100_000);
  const file = await cache.open(URL);
  const cached = await bytesOf(file, 0, 10);
  const waiter = {
    get signal(): never {
      throw new Error('a signal was made');
    },
  };
  t.deepEqual(await file.read(0, 10, (pieces) => Buffer.concat(pieces), waiter), cached);
  t.like(await cache.stat(URL, waiter), { size: 777 });
  const again = cache.open(URL, waiter);
  t.false(again instanceof Promise, 'in the same step');
  (await again).close();
  file.close();
  await cache.close();
});

test('a read whose handle is closed meanwhile is answered, and leaves nothing in use', async (t) => {
  for (const supportRange of [true, false]) {
    const cache = cacheOf(origin(pattern(777), { supportRange }), 100_000);
    const file = await cache.open(URL);
    const reading = bytesOf(file, 0, 700);
    file.close();
    t.deepEqual(await reading, pattern(777).subarray(0, 700));
    await cache.close();
    await until('nothing is in use', () => cache.report.memory.committedBytes === 0);
  }
});

for (const supportRange of [true, false]) {
  for (const memoryBytes of [80, 100_000]) {
    // S1
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
        // What a seek abandons may be on its way already.
        t.true(state.sentBytes <= state.content.length * 1.1, 'hardly a byte twice');
      }
      file.close();
    });
  }
}

test('what is read stays as it is until the promise of its sink has resolved', async (t) => {
  const state = origin(pattern(777));
  const cache = cacheOf(state, 10 * BLOCK_BYTES);
  const file = await cache.open(URL);
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let seen = Buffer.alloc(0);
  const reading = file.read(0, 3 * BLOCK_BYTES, async (pieces) => {
    await released;
    seen = Buffer.concat(pieces);
  });
  // Backwards: what a stream has read makes room for itself.
  for (let at = 96 * BLOCK_BYTES; at >= 3 * BLOCK_BYTES; at -= BLOCK_BYTES) {
    await bytesOf(file, at, BLOCK_BYTES);
  }
  t.is(seen.length, 0);
  release();
  await reading;
  t.deepEqual(seen, state.content.subarray(0, 3 * BLOCK_BYTES));
  file.close();
  await cache.close();
});

test('concurrent readers share fetches, and one that aborts disturbs no other', async (t) => {
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

// S5 S36
test('an open handle keeps its version, and the next open has the new one', async (t) => {
  const state = origin(Buffer.alloc(64, 'a'));
  const cache = cacheOf(state, 10_000);
  const old = await cache.open(URL);
  t.is((await bytesOf(old, 0, 8)).toString(), 'aaaaaaaa');
  state.content = Buffer.alloc(64, 'b');
  state.etag = '"2"';
  t.is((await bytesOf(old, 0, 8)).toString(), 'aaaaaaaa');
  t.like(await t.throwsAsync(bytesOf(old, 32, 8)), { code: 'CHANGED' });
  await t.throwsAsync(bytesOf(old, 40, 8));
  t.is(cache.report.activity.staleHandles, 1, 'a handle is counted once');
  const fresh = await cache.open(URL);
  t.is((await bytesOf(fresh, 0, 64)).toString(), 'b'.repeat(64));
});

// S46
test('without validators, an evicted block must come back as it was', async (t) => {
  const state = origin(Buffer.alloc(640, 'a'), { etag: undefined });
  const file = await cacheOf(state, 16).open(URL);
  await bytesOf(file, 0, 8);
  for (let offset = 64; offset < 640; offset += 64) await bytesOf(file, offset, 8);
  state.content = Buffer.alloc(640, 'b');
  t.like(await t.throwsAsync(bytesOf(file, 0, 1)), { code: 'CHANGED' }, 'not shown before it is compared');
  t.like(await t.throwsAsync(bytesOf(file, 0, 8)), { code: 'CHANGED' });
});

// S45
test('without validators nothing is requested by range, since ranges could be of different versions', async (t) => {
  const state = origin(pattern(640), { etag: undefined });
  const cache = cacheOf(state, 10_000);
  const file = await cache.open(URL);
  for (const offset of [600, 8, 320]) {
    t.deepEqual(await bytesOf(file, offset, 8), state.content.subarray(offset, offset + 8));
  }
  t.deepEqual(state.downloads, [{ start: 0, end: 640 }]);
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

/** Counts what is open. */
class CountingDisk implements DiskCache {
  opened = 0;
  closed = 0;
  readonly report = {
    directory: '/cache',
    limitBytes: 0,
    usedBytes: 0,
    freeBytes: undefined,
    pinnedBytes: 0,
    evictedBytes: 0,
    corruptBlocks: 0,
  };

  mayHave(): boolean {
    return true;
  }

  open(): Promise<StoredVersion> {
    this.opened += 1;
    return Promise.resolve({
      storedBytes: 0,
      noteUse: () => undefined,
      learnDigest: () => undefined,
      has: () => false,
      read: (_first, targets) => Promise.resolve(targets.map(() => false)),
      write: () => Promise.resolve(true),
      localFd: () => undefined,
      close: () => (this.closed += 1),
    });
  }

  newest(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  confirm(): void {}

  evict(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  pin(): Promise<[]> {
    return Promise.resolve([]);
  }

  unpin(): Promise<[]> {
    return Promise.resolve([]);
  }

  listPins(): Promise<[]> {
    return Promise.resolve([]);
  }

  pinOf(): undefined {}

  room(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  drop(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}

test('the bytes of reads are counted by where they came from', async (t) => {
  const directory = await temporaryDirectory(t);
  const state = origin(pattern(32));
  const open = async (): Promise<CachedResources> =>
    cacheOf(state, 10_000, await storeFor(t, directory, { blockBytes: BLOCK_BYTES }));
  const first = await open();
  const file = await first.open(URL);
  await bytesOf(file, 0, 16);
  t.like(first.report.activity, {
    readBytes: { memory: 0, disk: 0, source: 16 },
    reads: { memory: 0, source: 1 },
  });
  await bytesOf(file, 8, 8);
  await bytesOf(file, 12, 12);
  t.deepEqual(first.report.activity.readBytes, { memory: 12, disk: 0, p2p: 0, source: 24 });
  t.deepEqual(first.report.activity.reads, { memory: 1, disk: 0, p2p: 0, source: 2 });
  file.close();
  await first.close();
  const second = await open();
  const again = await second.open(URL);
  await bytesOf(again, 0, 16);
  await bytesOf(again, 0, 16);
  t.deepEqual(second.report.activity.readBytes, { memory: 16, disk: 16, p2p: 0, source: 0 });
  t.deepEqual(second.report.activity.reads, { memory: 1, disk: 1, p2p: 0, source: 0 });
  // When the directory is scanned, which no read waits for.
  await until('what is stored is counted', () => (second.report.disk?.usedBytes ?? 0) > 0);
  again.close();
  await second.close();
});

test('what is evicted is in memory and on disk no more, and is fetched again', async (t) => {
  const disk = await storeFor(t, await temporaryDirectory(t), { blockBytes: BLOCK_BYTES });
  const state = origin(pattern(32));
  const changed: string[] = [];
  const cache = cacheOf(state, 10_000, disk);
  cache.onChanged((url) => changed.push(url));
  const read = async (url: string): Promise<void> => {
    const file = await cache.open(url);
    t.deepEqual(await bytesOf(file, 0, 32), state.content);
    file.close();
  };
  for (const url of [URL, `${URL}2`, 'test://host/dir/a', 'test://host/dir/b']) await read(url);
  const downloads = state.downloads.length;
  t.like(await cache.evict(new UrlSet([URL])), {
    memory: { files: 1, bytes: 32 },
    disk: { files: 1 },
  });
  t.deepEqual(changed, [URL], 'the kernel drops its pages');
  t.is(await cache.cachedBytes(URL), 0);
  t.is(await cache.cachedBytes(`${URL}2`), 32);
  await read(`${URL}2`);
  t.is(state.downloads.length, downloads);
  await read(URL);
  t.true(state.downloads.length > downloads);
  t.like(await cache.evict(new UrlSet(['test://host/dir'])), {
    memory: { files: 2, bytes: 64 },
    disk: { files: 2 },
  });
  t.is(await cache.cachedBytes(URL), 32);
  t.like(await cache.evict(new UrlSet([''])), { memory: { files: 2 }, disk: { files: 2 } });
  t.is(disk.usedBytes, 0);
  t.like(await cache.evict(new UrlSet([''])), { memory: { files: 0 }, disk: { files: 0, bytes: 0 } });
  await cache.close();
});

test('what is forgotten is queried at its next use, and its content stays', async (t) => {
  const state = origin(pattern(32));
  const changed: string[] = [];
  const cache = cacheOf(state, 10_000);
  cache.onChanged((url) => changed.push(url));
  const before = await cache.open(URL);
  await bytesOf(before, 0, 32);
  await cache.stat(`${URL}2`);
  const downloads = state.downloads.length;
  t.is(cache.expire(new UrlSet([URL])), 1);
  t.deepEqual(changed, [URL]);
  t.is(cache.peek(URL), undefined);
  t.not(cache.peek(`${URL}2`), undefined);
  const same = await cache.open(URL);
  t.deepEqual(await bytesOf(same, 0, 32), state.content);
  t.is(state.downloads.length, downloads, 'the version is the same');
  state.content = Buffer.alloc(32, 'b');
  state.etag = '"2"';
  t.is((await cache.open(URL)).version.validators.etag, '"1"', 'metadata is fresh');
  cache.expire(new UrlSet(['test:']));
  t.deepEqual(await bytesOf(await cache.open(URL), 0, 32), state.content);
  await cache.close();
});

test('what was only looked at is not kept open', async (t) => {
  const disk = new CountingDisk();
  const cache = cacheOf(origin(Buffer.of(), { isProbed: true }), 10_000, disk);
  for (let i = 0; i < 50; i += 1) await cache.stat(`${URL}${i}`);
  t.is(disk.opened, 50);
  await until('all are closed', () => disk.closed === disk.opened);
});

test('a body that breaks while its length is looked for is not taken for a long one', async (t) => {
  const state = origin(pattern(10), { supportRange: false, isLengthKnown: false, failNext: 1 });
  const cache = cacheOf(state, 10_000);
  t.like(await cache.stat(URL), { kind: 'file', size: undefined });
  t.like(await cache.stat(URL), { kind: 'file', size: 10 });
});

// S34
test('many lengths are looked for at once', async (t) => {
  const state = origin(pattern(10), { supportRange: false, isLengthKnown: false, isProbed: true });
  const cache = cacheOf(state, 10_000);
  state.gate = sleep(200);
  const stats = await Promise.all(Array.from({ length: 40 }, (_, i) => cache.stat(`${URL}${i}`)));
  for (const stat of stats) t.like(stat, { size: 10 });
  await cache.close();
});

test('what was under way when it was forgotten is not kept', async (t) => {
  const state = origin(pattern(10));
  const cache = cacheOf(state, 10_000);
  const first = cache.stat(URL);
  cache.forget('test:');
  await first;
  t.is(cache.peek(URL), undefined);
  state.content = pattern(20);
  t.like(await cache.stat(URL), { size: 20 });
});
