/** A weak entity tag says that nothing of importance changed, not that no byte did (RFC 9110, 8.8.1 and 13.1.5). */
import type { IncomingMessage, ServerResponse } from 'node:http';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { type FaultServer, startFaultServer } from '../support/fault-server.js';
import { pattern } from '../support/tree.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const MIB = 1024 * 1024;
const OLD = new Date(1_000_000_000_000).toUTCString();
const TTL_MS = 60_000;
const LONG = Buffer.concat(Array.from({ length: 4 }, () => pattern(MIB)));

/** Serves what `content` returns at the time, in ranges, with these headers. */
async function serve(
  t: ExecutionContext,
  content: () => Buffer,
  headers: Readonly<Record<string, string>>,
): Promise<FaultServer> {
  return await startFaultServer(t, (request, response) => answer(request, response, content(), headers));
}

function answer(
  { headers: { range, 'if-none-match': etag } }: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  headers: Readonly<Record<string, string>>,
): void {
  const date = new Date().toUTCString();
  if (etag !== undefined && etag === headers['etag']) return void response.writeHead(304, { etag }).end();
  const [, first, last = ''] = /bytes=(\d+)-(\d*)/.exec(range ?? '') ?? [];
  const part =
    first === undefined
      ? content
      : content.subarray(Number(first), last === '' ? content.length : Number(last) + 1);
  response.writeHead(first === undefined ? 200 : 206, {
    date,
    ...headers,
    ...(headers['last-modified'] === 'now' ? { 'last-modified': date } : {}),
    'content-length': part.length,
    ...(first === undefined
      ? {}
      : { 'content-range': `bytes ${first}-${Number(first) + part.length - 1}/${content.length}` }),
  });
  response.end(part);
}

function cacheOver(t: ExecutionContext, memoryBytes: number, now: () => number = Date.now): CachedResources {
  const client = createHttpClient();
  t.teardown(() => client.close());
  const validating = validatingClient(client);
  const cache = new CachedResources(
    { memoryBytes, metadataTtlMs: TTL_MS },
    {
      clientFor: async () => validating,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      now,
    },
  );
  t.teardown(() => cache.close());
  return cache;
}

function copyOf(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces);
}

/** How many requests had a `Range` that does not begin at byte 0. */
function ranged({ requests }: FaultServer): number {
  return requests.filter(({ headers }) => /bytes=[1-9]/.test(headers.range ?? '')).length;
}

for (const [title, headers, joins] of [
  ['a weak tag alone', { etag: 'W/"one"' }, false],
  ['a weak tag, and a time of just now', { etag: 'W/"one"', 'last-modified': 'now' }, false],
  ['a weak tag, and an old time', { etag: 'W/"one"', 'last-modified': OLD }, true],
  ['a strong tag', { etag: '"one"' }, true],
] as const) {
  test(`${title}: ranges are ${joins ? '' : 'not '}joined`, async (t) => {
    const [before, after] = [LONG, Buffer.from(LONG.map((byte) => byte ^ 1))];
    let content = before;
    const server = await serve(t, () => content, headers);
    // Too little for all of it: what was evicted must be fetched again.
    const cache = cacheOver(t, 2 * MIB);
    const file = await cache.open(`${server.origin}/file`);
    const head = await file.read(0, 1000, copyOf);
    t.true(head.equals(before.subarray(0, 1000)));
    t.true((await file.read(3 * MIB, 1000, copyOf)).equals(before.subarray(3 * MIB, 3 * MIB + 1000)));
    t.is(ranged(server) > 0, joins);
    content = after;
    const again = await file.read(0, MIB, copyOf).catch((error: unknown) => error);
    if (!joins) t.like(again, { code: 'CHANGED' });
    file.close();
    const next = await cache.open(`${server.origin}/file`);
    if (!joins) t.true((await next.read(0, MIB, copyOf)).equals(after.subarray(0, MIB)));
    next.close();
  });
}

// S37
test('what a weak tag ties together is fresh after a 304, and is read from memory', async (t) => {
  let nowMs = Date.now();
  const content = pattern(MIB);
  const server = await serve(t, () => content, { etag: 'W/"one"' });
  const cache = cacheOver(t, 8 * MIB, () => nowMs);
  const url = `${server.origin}/file`;
  const first = await cache.open(url);
  t.true((await first.read(0, MIB, copyOf)).equals(content));
  first.close();
  nowMs += 2 * TTL_MS;
  const requested = server.requests.length;
  const second = await cache.open(url);
  t.is(second.version.id, first.version.id);
  t.true((await second.read(0, MIB, copyOf)).equals(content));
  second.close();
  t.is(server.requests.length, requested + 1);
  t.is(server.requests.at(-1)?.headers['if-none-match'], 'W/"one"');
});

test('what was evicted of a weak version comes back as another version', async (t) => {
  const [before, after] = [pattern(MIB), Buffer.from(pattern(MIB).map((byte) => byte ^ 1))];
  let content = before;
  const server = await serve(t, () => content, { etag: 'W/"one"' });
  const cache = cacheOver(t, 2 * MIB);
  const url = `${server.origin}/file`;
  const first = await cache.open(url);
  t.true((await first.read(0, MIB, copyOf)).equals(before));
  first.close();
  for (const other of ['a', 'b', 'c']) {
    const file = await cache.open(`${server.origin}/${other}`);
    await file.read(0, MIB, copyOf);
    file.close();
  }
  t.is(await cache.cachedBytes(url), 0);
  content = after;
  const second = await cache.open(url);
  // The kernel may still have pages of the first.
  t.not(second.version.id, first.version.id);
  t.true((await second.read(0, MIB, copyOf)).equals(after));
  second.close();
});

// S46
for (const [title, before] of [
  ['what was read is compared', [1, 3]],
  ['what was not read is remembered', [3]],
] as const) {
  test(`where a download passes blocks over, for want of memory, ${title}`, async (t) => {
    let content = LONG;
    const server = await startFaultServer(t, (request, response) => {
      const { url } = request;
      // A read of it keeps more than half of the memory, and waits.
      if (url === '/stalled') response.writeHead(200, { 'content-length': LONG.length }).flushHeaders();
      else answer(request, response, content, url === '/other' ? { etag: '"o"' } : {});
    });
    const cache = cacheOver(t, 2 * MIB);
    const [file, other, stalled] = await Promise.all(
      ['file', 'other', 'stalled'].map(async (name) => await cache.open(`${server.origin}/${name}`)),
    );
    const ended = new AbortController();
    t.teardown(() => ended.abort());
    void stalled?.read(0, MIB, copyOf, { signal: ended.signal }).catch(() => undefined);
    const read = async (mib: number): Promise<Buffer | undefined> => {
      const found = await file?.read(mib * MIB, 1000, copyOf);
      // Evicts it.
      for (let at = 0; at < LONG.length; at += MIB / 4) await other?.read(at, MIB / 4, copyOf);
      return found;
    };
    for (const mib of before) t.deepEqual(await read(mib), LONG.subarray(mib * MIB, mib * MIB + 1000));
    content = Buffer.from(LONG.map((byte) => byte ^ 1));
    await t.throwsAsync(read(2), { code: 'CHANGED' });
  });
}

// S46
for (const [title, after] of [
  ['shorter', LONG.subarray(0, 3 * MIB)],
  ['longer', Buffer.concat([LONG, pattern(MIB)])],
] as const) {
  test(`a body that is ${title} the next time, and does not announce it, is of another version`, async (t) => {
    let content = LONG;
    const server = await startFaultServer(t, ({ url }, response) => {
      const isChanged = url === '/file' && content !== LONG;
      if (!isChanged) response.setHeader('content-length', LONG.length);
      response.flushHeaders();
      response.end(isChanged ? content : LONG);
    });
    const cache = cacheOver(t, 2 * MIB);
    const [file, other] = await Promise.all(
      ['file', 'other'].map(async (name) => await cache.open(`${server.origin}/${name}`)),
    );
    // The second evicts the first.
    for (const one of [file, other])
      for (let at = 0; at < LONG.length; at += MIB / 2) await one?.read(at, MIB / 2, copyOf);
    content = after;
    t.deepEqual(await file?.read(0, 1000, copyOf), LONG.subarray(0, 1000));
    await t.throwsAsync(async () => await file?.read(LONG.length - 1000, 1000, copyOf), { code: 'CHANGED' });
    file?.close();
    const next = await cache.open(`${server.origin}/file`);
    t.is(await next.whenSizeKnown(), after.length);
    next.close();
  });
}
