/** The cache over the real HTTP source, which reads from sockets straight into blocks. */
import { utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import type { OpenResource } from '../../src/cache/resource-cache.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { withResolvers } from '../../src/with-resolvers.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const FILE_BYTES = 24 * 1024 * 1024 + 12_345;
const MIB = 1024 * 1024;
const READERS = 6;
const STEPS = 60;

/** Each four bytes hold their offset, so that bytes of another offset are detected. */
function stamped(bytes: number, seed: number): Buffer {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i += 1) words[i] = (i * 2_654_435_761 + seed) >>> 0;
  return Buffer.from(words.buffer, 0, bytes);
}

function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

for (const directives of ['', 'max_ranges 0;']) {
  const kind = directives === '' ? 'ranges' : 'no ranges';
  test(`reads that are aborted at any moment leave no wrong byte: ${kind}`, async (t) => {
    const root = await temporaryDirectory(t);
    const truths = [stamped(FILE_BYTES, 1), stamped(FILE_BYTES, 77)];
    await Promise.all(truths.map((truth, i) => writeFile(join(root, `${i}.bin`), truth)));
    const nginx = await startNginx(t, { root, serverDirectives: directives });
    const client = createHttpClient();
    t.teardown(() => client.close());
    const validating = validatingClient(client);
    const cache = new CachedResources(
      { memoryBytes: 6 * 1024 * 1024 },
      {
        clientFor: () => Promise.resolve(validating),
        budget: MetadataBudget.beside(0),
        log: pino({ level: 'silent' }),
      },
    );
    t.teardown(() => cache.close());

    const wrong: string[] = [];
    await Promise.all(Array.from({ length: READERS }, (_, reader) => readAround(reader)));
    t.deepEqual(wrong, []);

    async function readAround(reader: number): Promise<void> {
      const random = generator(reader + 1);
      const truth = truths[reader % 2] ?? Buffer.of();
      let file: OpenResource | undefined;
      let offset = 0;
      for (let step = 0; step < STEPS; step += 1) {
        file ??= await cache.open(`${nginx.origin}/${reader % 2}.bin`);
        if (random(4) === 0) offset = random(FILE_BYTES);
        const length = 1 + random(2 ** (4 + random(17)));
        const controller = new AbortController();
        const reading = file.read(offset, length, copyOf, controller).catch((error: unknown) => {
          if (!controller.signal.aborted) throw error;
          return undefined;
        });
        if (random(3) === 0) void sleep(random(6)).then(() => controller.abort());
        const bytes = await reading;
        if (bytes !== undefined && !bytes.equals(truth.subarray(offset, offset + length))) {
          wrong.push(`reader ${reader}, step ${step}: ${length} bytes at ${offset}`);
        }
        offset = Math.min(offset + length, FILE_BYTES - 1);
        if (random(8) === 0) {
          file.close();
          file = undefined;
        }
      }
      file?.close();
    }
  });
}

function copyOf(pieces: readonly Uint8Array[]): Buffer {
  return Buffer.concat(pieces);
}

test('a small file is one request, however much waits to be written to disk', async (t) => {
  const files = 400;
  const root = await temporaryDirectory(t);
  for (let i = 0; i < files; i += 1) await writeFile(join(root, `${i}.bin`), stamped(4096, i));
  const nginx = await startNginx(t, { root });
  const client = createHttpClient();
  t.teardown(() => client.close());
  const validating = validatingClient(client);
  // A disk that takes nothing for as long as the files are read.
  const { promise: opened, resolve: open } = withResolvers<undefined>();
  const disk: Partial<DiskCache> = {
    mayHave: () => false,
    open: () => opened,
    confirm: () => undefined,
    close: () => Promise.resolve(),
  };
  const cache = new CachedResources(
    { memoryBytes: 8 * MIB },
    {
      clientFor: () => Promise.resolve(validating),
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      disk: disk as DiskCache,
    },
  );
  t.teardown(async () => {
    open(undefined);
    await cache.close();
  });
  for (let i = 0; i < files; i += 1) {
    const file = await cache.open(`${nginx.origin}/${i}.bin`);
    t.true((await file.read(0, 4096, copyOf)).equals(stamped(4096, i)));
    file.close();
  }
  t.is((await nginx.accessLog()).length, files);
});

test('a version that the source has no longer is not opened again', async (t) => {
  const root = await temporaryDirectory(t);
  const [before, after] = [stamped(MIB, 1), stamped(MIB, 2)];
  const path = join(root, 'file');
  await writeFile(path, before);
  const nginx = await startNginx(t, { root });
  const client = createHttpClient();
  t.teardown(() => client.close());
  const validating = validatingClient(client);
  const changed: string[] = [];
  const cache = new CachedResources(
    {},
    {
      clientFor: async () => validating,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
    },
  );
  t.teardown(() => cache.close());
  cache.onChanged((changedUrl) => changed.push(changedUrl));
  const url = `${nginx.origin}/file`;
  const file = await cache.open(url);
  t.true((await file.read(0, 1000, copyOf)).equals(before.subarray(0, 1000)));
  await writeFile(path, after);
  await utimes(path, 1_000_000_000, 1_000_000_000);
  t.like(await t.throwsAsync(file.read(MIB / 2, 1000, copyOf)), { code: 'CHANGED', status: 412 });
  file.close();
  t.deepEqual(changed, [url], 'the kernel is notified');
  const again = await cache.open(url);
  t.true((await again.read(MIB / 2, 1000, copyOf)).equals(after.subarray(MIB / 2, MIB / 2 + 1000)));
  again.close();
});

test('of two versions of one second none is mixed with the other, or stays', async (t) => {
  const [before, after] = [stamped(MIB, 1), stamped(MIB, 2)];
  let content = before;
  // Without entity tags, as many simple servers are.
  const server = await startFaultServer(t, ({ headers }, response) => {
    const date = new Date().toUTCString();
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers.range ?? '') ?? [];
    if (headers['if-modified-since'] === date) return void response.writeHead(304).end();
    if (first === undefined) {
      response.writeHead(200, { date, 'last-modified': date, 'content-length': content.length });
      return void response.end(content);
    }
    const part = content.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${content.length}`;
    response.writeHead(206, {
      date,
      'last-modified': date,
      'content-range': range,
      'content-length': part.length,
    });
    response.end(part);
  });
  const client = createHttpClient();
  t.teardown(() => client.close());
  const validating = validatingClient(client);
  let nowMs = Date.now();
  const cache = new CachedResources(
    {},
    {
      clientFor: async () => validating,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      now: () => nowMs,
    },
  );
  t.teardown(() => cache.close());
  const file = await cache.open(`${server.origin}/file`);
  const head = await file.read(0, 1000, copyOf);
  content = after;
  const tail = await file.read(MIB / 2, 1000, copyOf).catch(() => undefined);
  file.close();
  t.true(head.equals(before.subarray(0, 1000)));
  if (tail !== undefined) t.true(tail.equals(before.subarray(MIB / 2, MIB / 2 + 1000)));
  nowMs += 3_600_000;
  const again = await cache.open(`${server.origin}/file`);
  t.true((await again.read(0, MIB, copyOf)).equals(after));
  again.close();
});

test('a reset of a body without a length gives no length, the next body does', async (t) => {
  const content = stamped(3_145_745, 1);
  let answers = 0;
  const server = await startRawServer(t, (socket) => {
    answers += 1;
    socket.write('HTTP/1.1 200 OK\r\nETag: "one"\r\n\r\n');
    const [part, end] =
      answers <= 2
        ? [content.subarray(0, 98_304), () => socket.resetAndDestroy()]
        : [content, () => socket.end()];
    socket.write(part, end);
  });
  const client = createHttpClient({ retries: 0 });
  t.teardown(() => client.close());
  const validating = validatingClient(client);
  const cache = new CachedResources(
    {},
    { clientFor: async () => validating, budget: MetadataBudget.beside(0), log: pino({ level: 'silent' }) },
  );
  t.teardown(() => cache.close());
  const url = `${server.origin}/file`;
  const file = await cache.open(url);
  t.like(await t.throwsAsync(file.whenSizeKnown()), { code: 'CONNECTION_LOST' });
  t.is(file.size, undefined);
  file.close();
  let size: number | undefined;
  while (size === undefined) {
    const again = await cache.open(url);
    size = await again.whenSizeKnown().catch(() => undefined);
    if (size !== undefined) t.true((await again.read(0, size, copyOf)).equals(content));
    again.close();
  }
  t.is(size, content.length);
});
