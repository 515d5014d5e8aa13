/** What was abandoned, lost or superseded touches nothing that others have since. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { withResolvers } from '../../src/with-resolvers.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { newResponse, type ResourceClient, SourceError } from '../../src/source/index.js';
import { startFaultServer } from '../support/fault-server.js';
import { fileClient } from '../support/file-client.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { openStore } from './disk-store-support.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const KIB = 1024;
const BLOCK_BYTES = 8;
const log = pino({ level: 'silent' });

/** Each four bytes hold their offset. */
function stamped(bytes: number, seed: number): Buffer {
  return Buffer.from(Uint32Array.from({ length: bytes / 4 }, (_, i) => i * 64 + seed).buffer);
}

function bytesOf(file: OpenResource, offset: number, length: number, signal?: AbortSignal): Promise<Buffer> {
  return file.read(offset, length, (pieces) => Buffer.concat(pieces), { signal });
}

test('a download that was replaced writes into no memory of others', async (t) => {
  const contents: Readonly<Record<string, Buffer>> = {
    '/file': stamped(2048 * KIB, 1),
    '/other': stamped(1536 * KIB, 2),
  };
  const file = contents['/file'] ?? Buffer.of();
  let first: ServerResponse | undefined;
  const server = await startFaultServer(t, ({ url = '' }, response) => {
    const content = contents[url] ?? Buffer.of();
    response.writeHead(200, { etag: '"1"', 'content-length': content.length });
    if (url !== '/file' || first !== undefined) return void response.end(content);
    first = response;
    response.write(content.subarray(0, 256 * KIB));
  });
  const http = createHttpClient();
  t.teardown(() => http.close());
  const client = validatingClient(http);
  const cache = new CachedResources(
    { memoryBytes: 1024 * KIB },
    { clientFor: async () => client, budget: MetadataBudget.beside(0), log },
  );
  t.teardown(() => cache.close());
  const slow = await cache.open(`${server.origin}/file`);
  t.true((await bytesOf(slow, 0, 200 * KIB)).equals(file.subarray(0, 200 * KIB)));
  const other = await cache.open(`${server.origin}/other`);
  for (let at = 0; at < 1536 * KIB; at += 128 * KIB) await bytesOf(other, at, 128 * KIB);
  // Evicted by now: a second download begins.
  t.true((await bytesOf(slow, 0, 448 * KIB)).equals(file.subarray(0, 448 * KIB)));
  t.is(server.requests.filter(({ url }) => url === '/file').length, 2);
  first?.write(file.subarray(256 * KIB, 512 * KIB));
  await sleep(200);
  for (let at = 0; at < 448 * KIB; at += 32 * KIB) {
    t.true((await bytesOf(slow, at, 32 * KIB)).equals(file.subarray(at, at + 32 * KIB)), `at ${at}`);
  }
});

interface Source {
  content: Buffer;
  readonly etag: string | undefined;
  /** Waited for before the bytes from `at` on are sent, by the how-manieth download of the file. */
  gate: (download: number, at: number) => Promise<void> | undefined;
  downloads: number;
}

function sourceOf(content: Buffer, etag?: string): Source {
  return { content, etag, gate: () => undefined, downloads: 0 };
}

async function* send(source: Source): AsyncGenerator<Buffer> {
  const { content } = source;
  const download = (source.downloads += 1);
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    await source.gate(download, at);
    yield await Promise.resolve(content.subarray(at, at + BLOCK_BYTES));
  }
}

/** Files without ranges, by URL. */
function cacheOf(sources: ReadonlyMap<string, Source>, memoryBytes: number): CachedResources {
  const at = (url: URL): Source => {
    const source = sources.get(url.href);
    if (source === undefined) throw new Error(url.href);
    return source;
  };
  const client: ResourceClient = {
    getContentLength: async ({ url }) => at(url).content.length,
    isSupportRange: async () => false,
    getLastModified: async () => -1,
    isExpired: async () => false,
    getMetadata: async ({ url }) => {
      const { content, etag } = at(url);
      const facts = { kind: 'file', contentLength: content.length, supportRange: false } as const;
      return { ...facts, lastModified: -1, ...(etag === undefined ? {} : { etag }) };
    },
    download: async ({ url }) =>
      newResponse(send(at(url)), { offset: 0, contentLength: at(url).content.length }),
  };
  const validating = validatingClient(client);
  return new CachedResources(
    { memoryBytes, blockBytes: BLOCK_BYTES, probeBytes: BLOCK_BYTES },
    { clientFor: async () => validating, budget: MetadataBudget.beside(0), log, now: () => 0 },
  );
}

test('a read that was interrupted writes into no other read’s memory', async (t) => {
  const [a, b] = [sourceOf(Buffer.alloc(64, 'a'), '"a"'), sourceOf(Buffer.alloc(64, 'b'), '"b"')];
  const stops = { a: withResolvers<void>(), b: withResolvers<void>() };
  let reached = '';
  a.gate = (download, at) => {
    if (download > 1 || at !== 24) return undefined;
    reached += 'a';
    return stops.a.promise;
  };
  b.gate = (download, at) => {
    if (download > 1 || at !== 40) return undefined;
    reached += 'b';
    return stops.b.promise;
  };
  const cache = cacheOf(
    new Map([
      ['test://h/a', a],
      ['test://h/b', b],
    ]),
    24 * BLOCK_BYTES,
  );
  const [fileA, fileB] = [await cache.open('test://h/a'), await cache.open('test://h/b')];
  const controller = new AbortController();
  const given = bytesOf(fileA, 0, 64, controller.signal);
  await until('the first read waits', () => reached === 'a');
  controller.abort();
  t.like(await t.throwsAsync(given), { code: 'INTERRUPTED' });
  const reading = bytesOf(fileB, 0, 64);
  await until('the second read waits', () => reached === 'ab');
  stops.a.resolve();
  await sleep(20);
  stops.b.resolve();
  t.is((await reading).toString(), 'b'.repeat(64));
});

test('without validators, a download that begins anew must bring what was read before', async (t) => {
  const source = sourceOf(Buffer.alloc(128, 'a'));
  source.gate = (download, at) =>
    download === 1 && at === 64 ? Promise.reject(new SourceError('CONNECTION_LOST', 'lost', 'x')) : undefined;
  const file = await cacheOf(new Map([['test://h/f', source]]), 100_000).open('test://h/f');
  t.is((await bytesOf(file, 0, 16)).toString(), 'a'.repeat(16));
  await t.throwsAsync(bytesOf(file, 16, 112));
  source.content = Buffer.alloc(128, 'b');
  t.like(await t.throwsAsync(bytesOf(file, 0, 128)), { code: 'CHANGED' });
});

test('without validators, what is passed over for lack of memory must be what was read before, too', async (t) => {
  const source = sourceOf(Buffer.alloc(128, 'a'));
  const file = await cacheOf(new Map([['test://h/f', source]]), 3 * BLOCK_BYTES).open('test://h/f');
  for (const at of [0, 40, 48, 56]) t.is((await bytesOf(file, at, 8)).toString(), 'a'.repeat(8));
  source.content = Buffer.alloc(128, 'b');
  // It was not read yet, but the first block was, and is evicted.
  t.like(await t.throwsAsync(bytesOf(file, 8, 8)), { code: 'CHANGED' });
});

test('what was fetched ahead for a stream that was left goes on while a handle is open, and ends with the last', async (t) => {
  const [fileBytes, sentBytes] = [64 * 1024 * KIB, 256 * KIB];
  let inFlight = 0;
  async function* body(bytes: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    inFlight += 1;
    try {
      yield Buffer.alloc(Math.min(bytes, sentBytes));
      if (bytes > sentBytes) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    } finally {
      inFlight -= 1;
    }
  }
  const validating = fileClient(
    { contentLength: fileBytes, supportRange: true },
    async ({ range = { start: 0, end: fileBytes }, signal = new AbortController().signal }) => {
      const contentLength = range.end - range.start;
      return newResponse(body(contentLength, signal), { offset: range.start, contentLength });
    },
  );
  const cache = new CachedResources(
    { memoryBytes: 64 * 1024 * KIB },
    { clientFor: async () => validating, budget: MetadataBudget.beside(0), log },
  );
  t.teardown(() => cache.close());
  const [reader, other] = [await cache.open('test://host/file'), await cache.open('test://host/file')];
  // Three streams, the first of which is abandoned for the third.
  for (const start of [8, 24, 48].map((mib) => mib * 1024 * KIB)) {
    for (let at = 0; at < sentBytes; at += 64 * KIB) await bytesOf(reader, start + at, 64 * KIB);
  }
  reader.close();
  await sleep(50);
  t.true(inFlight > 0, 'another reader may need it');
  other.close();
  await until('nothing is under way', () => inFlight === 0);
  t.is(inFlight, 0);
});

/** A file of one letter, under the same tag whatever the letter is. */
function clientOfLetter(letter: string): ReturnType<typeof validatingClient> {
  const content = Buffer.alloc(256 * KIB, letter);
  return fileClient(
    { contentLength: content.length, supportRange: true },
    async ({ range = { start: 0, end: content.length } }) =>
      newResponse(content.subarray(range.start, range.end), { offset: range.start }),
  );
}

for (const isOpen of [true, false]) {
  test(`nothing of a client that was replaced is read by later handles: ${isOpen ? 'one was open' : 'none was open'}`, async (t) => {
    let client = clientOfLetter('a');
    const disk = await openStore(await temporaryDirectory(t));
    const cache = new CachedResources(
      {},
      { clientFor: async () => client, budget: MetadataBudget.beside(0), log, disk },
    );
    t.teardown(() => cache.close());
    const before = await cache.open('test://host/file');
    t.is((await bytesOf(before, 0, 4)).toString(), 'aaaa');
    if (!isOpen) before.close();
    client = clientOfLetter('b');
    cache.forget('test:');
    const after = await cache.open('test://host/file');
    t.is((await bytesOf(after, 128 * KIB, 4)).toString(), 'bbbb', 'what was not read before');
    t.is((await bytesOf(after, 0, 4)).toString(), 'bbbb', 'what was read before');
    if (isOpen)
      t.is((await bytesOf(before, 128 * KIB, 4)).toString(), 'aaaa', 'an open handle keeps its client');
    if (isOpen) before.close();
    t.is((await bytesOf(after, 4 * KIB, 4)).toString(), 'bbbb');
  });
}
