/** Bodies that come too slowly are given up, however little of them keeps coming; what comes at a fair rate is not. */
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { Request, type SourceError } from '../../src/source/index.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { drained } from '../support/drained.js';

const TIMEOUT_MS = 600;
/** Far more often than a connection counts as idle. */
const DRIP_MS = 20;
/** As many as take several times `TIMEOUT_MS`. */
const DRIPS = 150;
const OK = 'HTTP/1.1 200 OK\r\nETag: "one"\r\n';

function client(
  t: ExecutionContext,
  options: Partial<HttpClientOptions> = {},
): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs: TIMEOUT_MS, ...options });
  t.teardown(() => http.close());
  return http;
}

/** The body, or the code of the failure. */
async function outcome(http: ReturnType<typeof createHttpClient>, url: string): Promise<string> {
  try {
    const response = await http.download(new Request(url));
    const chunks: Uint8Array[] = [];
    await drained(response, (chunk) => void chunks.push(Uint8Array.from(chunk)));
    return Buffer.concat(chunks).toString('latin1');
  } catch (error) {
    return (error as SourceError).code;
  }
}

async function drip(socket: Socket, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece, 'latin1');
    await sleep(DRIP_MS);
  }
}

const bytes = (text: string): string[] =>
  Array.from({ length: DRIPS }, (_, index) => text.charAt(index % text.length));

for (const [title, head, pieces] of [
  ['a body', `${OK}Content-Length: ${DRIPS}\r\n\r\n`, bytes('x')],
  ['a body without a length', `${OK}\r\n`, bytes('x')],
  ['chunks', `${OK}Transfer-Encoding: chunked\r\n\r\n`, [...bytes('1\r\nx\r\n'), '0\r\n\r\n']],
  ['the line of a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\n1;`, [...bytes('x'), '\r\nx\r\n0\r\n\r\n']],
  ['trailers', `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: `, [...bytes('x'), '\r\n\r\n']],
  ['a head', 'HTTP/1.1 200 OK\r\nX: ', [...bytes('x'), '\r\nContent-Length: 1\r\n\r\nx']],
] as const) {
  // S80
  test(`${title} of which a byte comes at a time is a timeout, retries included`, async (t) => {
    const server = await startRawServer(t, (socket) => {
      socket.write(head, 'latin1');
      void drip(socket, pieces).then(() => socket.end());
    });
    t.is(await outcome(client(t), server.origin), 'TIMEOUT');
    // Each of the retries would have met the same.
    t.true(server.requests.length <= 4);
  });
}

// S80
test('a slow body that is not too slow is the body', async (t) => {
  const content = 'fair'.repeat(1_000);
  const pieces = content.match(/.{1,100}/g) ?? [];
  const server = await startRawServer(t, (socket) => {
    socket.write(`${OK}Content-Length: ${content.length}\r\n\r\n`);
    void drip(socket, pieces);
  });
  t.is(await outcome(client(t), server.origin), content);
  t.is(server.requests.length, 1);
});

// S82
test('the time in which the receiver pauses does not count', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write(`${OK}Content-Length: 3\r\n\r\n`);
    void drip(socket, ['1', '2', '3']);
  });
  const response = await client(t).download(new Request(server.origin));
  let text = '';
  await drained(response, (chunk) => {
    text += Buffer.from(chunk).toString('latin1');
    return sleep(2 * TIMEOUT_MS);
  });
  t.is(text, '123');
});

test('a body that breaks after each byte is given up after the retries', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    const start = Number(/bytes=(\d+)/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = start === 0 ? {} : { 'content-range': `bytes ${start}-99/100` };
    response.writeHead(start === 0 ? 200 : 206, { etag: '"one"', 'content-length': 100 - start, ...range });
    response.write('x', () => setTimeout(() => response.destroy(), 1));
  });
  t.is(await outcome(client(t, { retries: 2, timeoutMs: 10_000 }), server.origin), 'CONNECTION_LOST');
  t.is(server.requests.length, 3);
});

// S79
test('the hosts of a redirect chain share one deadline', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    const hop = Number(request.url?.slice(1));
    const answer = (): unknown =>
      hop < 8 ? response.writeHead(302, { location: `/${hop + 1}` }).end() : response.end('there');
    setTimeout(answer, TIMEOUT_MS / 2);
  });
  t.is(await outcome(client(t, { retries: 0 }), `${server.origin}/0`), 'TIMEOUT');
  t.true(server.requests.length <= 3);
});

// S82
test('more extensions of chunks than content are refused', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
    const chunk = `1;${'x'.repeat(10_000)}\r\nx\r\n`;
    socket.write(chunk.repeat(100));
    socket.write('0\r\n\r\n');
  });
  t.is(await outcome(client(t), server.origin), 'PROTOCOL');
  t.is(server.requests.length, 1);
});
