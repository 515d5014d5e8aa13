/** Bodies that an I/O thread receives: as in the main thread, and what becomes of them when the thread fails. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { checksumOf } from '../../src/checksum.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { IoThreads, type IoThreadsOptions } from '../../src/source/http/io-threads.js';
import { bodyReader, Request, type Response } from '../../src/source/index.js';
import { createCertificate } from '../support/certificate.js';
import { bytesOf } from '../support/drained.js';
import { Random } from '../support/random.js';
import { pattern } from '../support/tree.js';
import { until } from '../support/until.js';

const MIB = 1024 * 1024;
const CONTENT = pattern(8 * MIB + 123);
const PIECE = 32 * 1024;

interface Served {
  readonly url: string;
  readonly ca: string | undefined;
  /** The ranges that were requested. */
  readonly ranges: string[];
  connections: number;
  answering: number;
  mostAnswering: number;
}

/** Sends what is requested, in parts, with pauses in between. */
function answer(served: Served, request: IncomingMessage, response: ServerResponse): void {
  const range = request.headers.range ?? '';
  served.ranges.push(range);
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  const start = Number(from ?? 0);
  const end = to === undefined || to === '' ? CONTENT.length : Math.min(Number(to) + 1, CONTENT.length);
  response.writeHead(from === undefined ? 200 : 206, {
    etag: '"one"',
    'content-length': end - start,
    ...(from !== undefined && { 'content-range': `bytes ${start}-${end - 1}/${CONTENT.length}` }),
  });
  const send = async (): Promise<void> => {
    for (let at = start; at < end && !response.destroyed; at += 200_000) {
      if (!response.write(CONTENT.subarray(at, Math.min(end, at + 200_000)))) await drainOf(response);
      await nextTurn();
    }
    served.answering -= 1;
    response.end();
  };
  served.answering += 1;
  served.mostAnswering = Math.max(served.mostAnswering, served.answering);
  void send();
}

function drainOf(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });
}

async function serve(t: ExecutionContext, isTls: boolean): Promise<Served> {
  const files = isTls ? await createCertificate(t, 'IP:127.0.0.1') : undefined;
  const cert = files && (await readFile(files.certificate, 'utf8'));
  const key = files && (await readFile(files.key, 'utf8'));
  const listener = (request: IncomingMessage, response: ServerResponse): void =>
    answer(served, request, response);
  const server =
    cert === undefined || key === undefined
      ? createServer(listener)
      : createTlsServer({ cert, key }, listener);
  server.on('connection', (socket) => {
    served.connections += 1;
    socket.on('error', () => undefined).on('close', () => (served.connections -= 1));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const url = `http${isTls ? 's' : ''}://127.0.0.1:${port}/file`;
  const served: Served = { url, ca: cert, ranges: [], connections: 0, answering: 0, mostAnswering: 0 };
  return served;
}

async function startThreads(
  t: ExecutionContext,
  options: Partial<IoThreadsOptions> = {},
): Promise<IoThreads> {
  const threads = new IoThreads({ count: 1, minBytes: -1, ...options });
  await threads.start();
  t.teardown(() => threads.close());
  return threads;
}

function client(
  t: ExecutionContext,
  threads: IoThreads,
  ca?: string,
  timeoutMs = 10_000,
): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs, retries: 1, threads, ...(ca !== undefined && { ca }) });
  t.teardown(() => http.close());
  return http;
}

/** Reads all of a body into shared memory, by reads of `lengths`; `between` is called before each. */
async function readShared(
  t: ExecutionContext,
  response: Response,
  lengths: () => number,
  between: (bytes: number) => unknown = () => undefined,
): Promise<Buffer> {
  const reader = bodyReader(response);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for (;;) {
    await between(bytes);
    const memory = new Uint8Array(new SharedArrayBuffer(lengths()));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < memory.length; at += PIECE) pieces.push(memory.subarray(at, at + PIECE));
    const checksums: number[] = [];
    let shown = 0;
    const read = await reader.read({
      pieces,
      onBytes: (count) => {
        t.true(count > shown);
        shown = count;
      },
      onPiece: (index, checksum) => {
        t.is(index, checksums.length);
        checksums.push(checksum);
      },
    });
    t.is(shown, read);
    const full = pieces.filter((_, index) => Math.min((index + 1) * PIECE, memory.length) <= read);
    t.deepEqual(checksums, full.map(checksumOf));
    chunks.push(Buffer.from(memory.subarray(0, read)));
    bytes += read;
    if (read < memory.length) return Buffer.concat(chunks);
  }
}

for (const isTls of [false, true]) {
  const scheme = isTls ? 'https' : 'http';

  test(`a body over ${scheme} is received into shared memory, with its checksums, and into other memory`, async (t) => {
    const { url, ca } = await serve(t, isTls);
    const http = client(t, await startThreads(t), ca);
    const random = new Random(1);
    const lengths = (): number => random.pick([1, 1000, PIECE, 10 * PIECE + 5, 2 * MIB]);
    t.true((await readShared(t, await http.download(new Request(url)), lengths)).equals(CONTENT));
    t.true((await bytesOf(await http.download(new Request(url)))).equals(CONTENT));
  });

  test(`a thread that ends in the midst of a body over ${scheme} costs one request`, async (t) => {
    const served = await serve(t, isTls);
    const threads = await startThreads(t);
    const response = await client(t, threads, served.ca).download(new Request(served.url));
    let hasEnded = false;
    const content = await readShared(
      t,
      response,
      () => MIB,
      (bytes) => {
        if (bytes < 3 * MIB || hasEnded) return;
        hasEnded = true;
        setTimeout(() => void threads.threadFor(Infinity)?.end(), 1);
      },
    );
    t.true(content.equals(CONTENT));
    t.is(served.ranges.length, 2);
    t.regex(served.ranges[1] ?? '', /^bytes=[1-9]\d+-/);
    t.true(
      (await bytesOf(await client(t, threads, served.ca).download(new Request(served.url)))).equals(CONTENT),
    );
    await until('another thread is there', () => threads.size === 1);
  });

  test(`nothing is written to memory over ${scheme} once its read has settled`, async (t) => {
    const { url, ca } = await serve(t, isTls);
    const threads = await startThreads(t);
    const http = client(t, threads, ca);
    const random = new Random(7);
    const refilled = Buffer.alloc(2 * MIB, 0xaa);
    for (let round = 0; round < 20; round += 1) {
      const abort = new AbortController();
      const request = new Request(url, { signal: abort.signal });
      const response = await http.download(request);
      const memory = new Uint8Array(new SharedArrayBuffer(2 * MIB));
      const reading = bodyReader(response)
        .read({ pieces: [memory.subarray(0, 100_000), memory.subarray(100_000)] })
        .catch(() => undefined);
      const pause = random.pick([0, 0, 1, 2, 4]);
      if (pause > 0) await sleep(pause);
      const way = random.pick(['cancel', 'abort', 'end', 'read'] as const);
      if (way === 'cancel') response.cancel();
      else if (way === 'abort') abort.abort();
      else if (way === 'end' && threads.size > 0) void threads.threadFor(Infinity)?.end();
      await reading;
      memory.fill(0xaa);
      if (way === 'read') response.cancel();
      await sleep(random.pick([0, 3]));
      t.true(Buffer.from(memory.buffer).equals(refilled), `round ${round}, ${way}`);
      if (threads.size === 0) await threads.start();
    }
  });
}

for (const [fault, found] of [
  ['failing', /the thread fails/],
  ['hanging', /it hangs/],
] as const) {
  test(`a thread that is ${fault} is replaced, and its bodies go on`, async (t) => {
    const served = await serve(t, false);
    const entry = new URL(`../support/${fault}-io-worker.js`, import.meta.url);
    const failures: Error[] = [];
    const onFailure = (error: Error): unknown => failures.push(error);
    const threads = await startThreads(t, { entry, hangMs: 200, onFailure });
    const response = await client(t, threads, undefined, 1_500).download(new Request(served.url));
    t.true((await readShared(t, response, () => 2 * MIB)).equals(CONTENT));
    t.true(served.ranges.length >= 2);
    t.regex(failures[0]?.message ?? '', found);
  });
}

test('connections of both kinds share the limits of an origin', async (t) => {
  const served = await serve(t, false);
  const threads = await startThreads(t, { minBytes: 100_000 });
  const http = createHttpClient({ timeoutMs: 20_000, maxConnectionsPerOrigin: 2, threads });
  t.teardown(() => http.close());
  const get = async (start: number, bytes: number): Promise<boolean> => {
    const range = { start, end: start + bytes };
    const body = await bytesOf(await http.download(new Request(served.url, { range })));
    return body.equals(CONTENT.subarray(start, start + bytes));
  };
  const sizes = Array.from({ length: 24 }, (_, index) => (index % 2 === 0 ? 10_000 : 500_000));
  t.true((await Promise.all(sizes.map((bytes, index) => get(index * 1000, bytes)))).every(Boolean));
  t.is(served.mostAnswering, 2);
  // The server may see a connection begin before it sees the end of the one whose place it has.
  await until('no third connection is left', () => served.connections <= 2);
});

test('no thread is started for short responses, nor where there is to be none', async (t) => {
  const served = await serve(t, false);
  for (const count of [0, 1]) {
    const threads = new IoThreads({ count });
    t.teardown(() => threads.close());
    const http = client(t, threads);
    const range = { start: 0, end: 200_000 };
    t.is((await bytesOf(await http.download(new Request(served.url, { range })))).length, 200_000);
    t.is(threads.size, 0);
    t.is((await bytesOf(await http.download(new Request(served.url)))).length, CONTENT.length);
    t.is(threads.size, count);
  }
});

test('a thread does not keep its process from ending', async (t) => {
  const { url } = await serve(t, false);
  const program = fileURLToPath(new URL('../support/threaded-download.js', import.meta.url));
  const args = [program, url, String(CONTENT.length + 1)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  t.is(stdout, `${CONTENT.length} 1\n`);
});

test('a connection that is being closed does', async (t) => {
  const { url } = await serve(t, false);
  const program = fileURLToPath(new URL('../support/threaded-download.js', import.meta.url));
  const args = [program, url, String(CONTENT.length + 1), 'close'];
  // Else it exits with 13: its main module waits for what nothing can bring.
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  t.is(stdout, `${CONTENT.length} 1\nclosed\n`);
});
