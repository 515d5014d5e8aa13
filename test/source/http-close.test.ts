/** Bodies that only the end of the connection ends: an orderly end is theirs, anything else is a failure. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';

import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import { Request, type SourceError } from '../../src/source/index.js';
import { createCertificate } from '../support/certificate.js';
import { startRawServer } from '../support/fault-server.js';
import { pattern } from '../support/tree.js';
import { drained } from '../support/drained.js';

const BODY = pattern(400_000);
const HEAD = 'HTTP/1.1 200 OK\r\nETag: "one"\r\n\r\n';
/** Of the body: what fits into one read with the head, into one read of its own, and into many. */
const LENGTHS = [0, 100, 98_304, 400_000];
/** Between the body and the end of the connection; undefined: in the same step. */
const DELAYS_MS = [undefined, 0, 2];
/** How long the reader keeps this process busy with each chunk, so that what comes meanwhile comes together. */
const BUSY_MS = [0, 1];

/** To compare without printing a mebibyte. */
function textOf(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes, ${createHash('sha1').update(bytes).digest('hex')}`;
}

async function outcome(
  http: ReturnType<typeof createHttpClient>,
  url: string,
  busyMs: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  try {
    const response = await http.download(new Request(url));
    await drained(response, (chunk) => {
      chunks.push(Uint8Array.from(chunk));
      const until = performance.now() + busyMs;
      while (performance.now() < until);
    });
    return textOf(Buffer.concat(chunks));
  } catch (error) {
    return (error as SourceError).code;
  }
}

/** All combinations: how each ended, and how it should have. */
async function checkAll(
  t: ExecutionContext,
  http: ReturnType<typeof createHttpClient>,
  url: (lengthBytes: number, delayMs: number | undefined) => string,
  expected: (lengthBytes: number) => string,
  { lengths = LENGTHS, delaysMs = DELAYS_MS, busyTimesMs = BUSY_MS } = {},
): Promise<void> {
  for (const lengthBytes of lengths) {
    for (const delayMs of delaysMs) {
      for (const busyMs of busyTimesMs) {
        const title = `${lengthBytes} bytes, ${delayMs} ms, busy ${busyMs} ms`;
        t.is(await outcome(http, url(lengthBytes, delayMs), busyMs), expected(lengthBytes), title);
      }
    }
  }
}

function answer(socket: Socket, head: string, end: () => void): void {
  const [, lengthBytes = '0', delayMs = ''] = /^GET \/(\d+)\/(\d*)/.exec(head) ?? [];
  socket.write(HEAD, 'latin1');
  socket.write(BODY.subarray(0, Number(lengthBytes)), () => {
    if (delayMs === '') end();
    else void sleep(Number(delayMs)).then(end);
  });
}

function client(t: ExecutionContext, ca?: string): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs: 5_000, retries: 0, ...(ca === undefined ? {} : { ca }) });
  t.teardown(() => http.close());
  return http;
}

const whole = (lengthBytes: number): string => textOf(BODY.subarray(0, lengthBytes));
const lost = (): string => 'CONNECTION_LOST';

const PLAIN: Readonly<Record<string, readonly [(socket: Socket) => void, (lengthBytes: number) => string]>> =
  {
    'a FIN ends it': [(socket) => socket.end(), whole],
    'a reset does not': [(socket) => socket.resetAndDestroy(), lost],
    // All has come by then, as long as it is short.
    'a reset behind a FIN is no failure': [
      (socket) => socket.end(() => setImmediate(() => socket.resetAndDestroy())),
      whole,
    ],
  };

for (const [title, [end, expected]] of Object.entries(PLAIN)) {
  // S3
  test(`a body without a length: ${title}`, async (t) => {
    const server = await startRawServer(t, (socket, head) => answer(socket, head, () => end(socket)));
    const url = (lengthBytes: number, delayMs?: number): string =>
      `${server.origin}/${lengthBytes}/${delayMs ?? ''}`;
    await checkAll(t, client(t), url, expected, title.includes('behind') ? { lengths: [0, 100] } : {});
  });
}

const OVER_TLS: Readonly<
  Record<string, readonly [(tls: Socket, socket: Socket) => void, (lengthBytes: number) => string]>
> = {
  'a close_notify ends it': [(tls) => tls.end(), whole],
  'an end of the connection below TLS does not': [(_tls, socket) => socket.end(), lost],
  'a reset does not': [(_tls, socket) => socket.resetAndDestroy(), lost],
};

for (const [title, [end, expected]] of Object.entries(OVER_TLS)) {
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    // S3
    test(`a body without a length over ${maxVersion}: ${title}`, async (t) => {
      const files = await createCertificate(t, 'IP:127.0.0.1');
      const [cert, key] = await Promise.all([
        readFile(files.certificate, 'utf8'),
        readFile(files.key, 'utf8'),
      ]);
      const server = createServer((socket) => {
        const tls = new TLSSocket(socket, { isServer: true, cert, key, maxVersion });
        tls.on('error', () => undefined);
        socket.on('error', () => undefined);
        tls.setEncoding('latin1').on('data', (head: string) => answer(tls, head, () => end(tls, socket)));
      });
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      t.teardown(() => server.close());
      const { port } = server.address() as AddressInfo;
      const url = (lengthBytes: number, delayMs?: number): string =>
        `https://127.0.0.1:${port}/${lengthBytes}/${delayMs ?? ''}`;
      await checkAll(t, client(t, cert), url, expected, { delaysMs: [undefined, 1], busyTimesMs: [0] });
    });
  }
}
