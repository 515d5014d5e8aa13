/** What an answer's bytes mean: framing as RFC 9112 has it, over real sockets, in pieces of any size. */
import type { Socket } from 'node:net';

import test, { type ExecutionContext } from 'ava';

import { ExchangeBody } from '../../src/source/http/exchange-body.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { ResponseParser } from '../../src/source/http/response-parser.js';
import { Request, type SourceError } from '../../src/source/index.js';
import { startRawServer } from '../support/fault-server.js';
import { drained } from '../support/drained.js';

const BODY = '0123456789';
const OK = 'HTTP/1.1 200 OK\r\n';

function client(
  t: ExecutionContext,
  options: Partial<HttpClientOptions> = {},
): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs: 15_000, retries: 0, ...options });
  t.teardown(() => http.close());
  return http;
}

/** Both ways to read a body. */
const READERS = {
  drain: async (http: ReturnType<typeof createHttpClient>, url: string): Promise<string> => {
    const response = await http.download(new Request(url));
    let text = '';
    await drained(response, (chunk) => {
      text += Buffer.from(chunk).toString('latin1');
    });
    return text;
  },
  iterate: async (http: ReturnType<typeof createHttpClient>, url: string): Promise<string> => {
    const response = await http.download(new Request(url));
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
  },
};

/** Sends all at once, or every byte on its own. */
const SENDERS = {
  'at once': (socket: Socket, text: string, end: boolean): void => {
    socket.write(text, 'latin1');
    if (end) socket.end();
  },
  'a byte at a time': (socket: Socket, text: string, end: boolean): void => {
    const sendFrom = (at: number): void => {
      if (at < text.length) socket.write(text.charAt(at), 'latin1', () => setImmediate(sendFrom, at + 1));
      else if (end) socket.end();
    };
    sendFrom(0);
  },
};

/** An answer, whether the server then closes, and how many connections two requests need. */
const GOOD: Readonly<Record<string, readonly [answer: string, closes: boolean, connections: number]>> = {
  'a Content-Length': [`${OK}Content-Length: 10\r\n\r\n${BODY}`, false, 1],
  'a Content-Length twice': [`${OK}Content-Length: 10\r\ncontent-length: 10\r\n\r\n${BODY}`, false, 1],
  'no reason phrase': [`HTTP/1.1 200\r\nContent-Length: 10\r\n\r\n${BODY}`, false, 1],
  'Connection: close': [`${OK}Connection: foo, Close\r\nContent-Length: 10\r\n\r\n${BODY}`, true, 2],
  'HTTP/1.0': [`HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n${BODY}`, true, 2],
  'HTTP/1.0 kept alive': [
    `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 10\r\n\r\n${BODY}`,
    false,
    1,
  ],
  'a body until the end of the connection': [`${OK}X: y\r\n\r\n${BODY}`, true, 2],
  'chunks, extensions and trailers': [
    `${OK}Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\n012\r\n006 ; c\r\n345678\r\n1\r\n9\r\n0\r\nX: y\r\nZ: 1\r\n\r\n`,
    false,
    1,
  ],
  'answers in between': [
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n${OK}Content-Length: 10\r\n\r\n${BODY}`,
    false,
    1,
  ],
  'spaces in a value and around it': [
    `${OK}X: \t a${' '.repeat(1_000)}b \t\r\nContent-Length:\t 10 \t\r\n\r\n${BODY}`,
    false,
    1,
  ],
  'obsolete line folding': [`${OK}X: a\r\n  b\r\n\tc\r\nContent-Length:\r\n 10\r\n\r\n${BODY}`, false, 1],
  'bytes behind its end': [`${OK}Content-Length: 10\r\n\r\n${BODY}more`, false, 2],
  'another answer behind its end': [
    `${OK}Content-Length: 10\r\n\r\n${BODY}${OK}Content-Length: 4\r\n\r\nevil`,
    false,
    2,
  ],
};

for (const [title, [answer, closes, connections]] of Object.entries(GOOD)) {
  for (const [how, sendAnswer] of Object.entries(SENDERS)) {
    test(`an answer with ${title}, ${how}`, async (t) => {
      const server = await startRawServer(t, (socket) => sendAnswer(socket, answer, closes));
      const http = client(t);
      t.is(await READERS.drain(http, server.origin), BODY);
      // What follows the end may still be on its way.
      if (connections > 1) await new Promise((resolve) => setTimeout(resolve, 100));
      t.is(await READERS.iterate(http, server.origin), BODY);
      t.is(server.accepted(), connections);
      t.is(server.requests.length, 2);
    });
  }
}

const BAD: Readonly<Record<string, string>> = {
  'two lengths': `${OK}Content-Length: 10\r\nContent-Length: 11\r\n\r\n${BODY}`,
  'two lengths in one line': `${OK}Content-Length: 10, 4\r\n\r\n${BODY}`,
  'a length that is no number': `${OK}Content-Length: 0x0a\r\n\r\n${BODY}`,
  'a negative length': `${OK}Content-Length: -1\r\n\r\n${BODY}`,
  'a length and chunks': `${OK}Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a coding that is not chunked': `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  'chunks in HTTP/1.0': `HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  'a chunk without a size': `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n01\r\n0\r\n\r\n`,
  'a negative chunk': `${OK}Transfer-Encoding: chunked\r\n\r\n-1\r\n01\r\n0\r\n\r\n`,
  'a chunk longer than its size': `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\n0123\r\n0\r\n\r\n`,
  'a space before a colon': `${OK}Content-Length : 10\r\n\r\n${BODY}`,
  'a header line without a colon': `${OK}what\r\nContent-Length: 10\r\n\r\n${BODY}`,
  'lines that end in LF': `HTTP/1.1 200 OK\nContent-Length: 10\n\n${BODY}`,
  'a CR in a line': `${OK}X: a\rContent-Length: 4\r\nContent-Length: 10\r\n\r\n${BODY}`,
  'a NUL in a line': `${OK}X: a\0b\r\nContent-Length: 10\r\n\r\n${BODY}`,
  'a head of 100 KiB': `${OK}X: ${'x'.repeat(100 * 1024)}\r\nContent-Length: 10\r\n\r\n${BODY}`,
  'a head of 100 KiB in many lines': `${OK}${'X: y\r\n'.repeat(20 * 1024)}Content-Length: 10\r\n\r\n${BODY}`,
  'interim answers of 100 KiB': `${`HTTP/1.1 103 Early Hints\r\nX: ${'x'.repeat(10 * 1024)}\r\n\r\n`.repeat(10)}${OK}Content-Length: 10\r\n\r\n${BODY}`,
  'endless chunk extensions': `${OK}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(100 * 1024)}`,
  'a switch of protocols': `HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n`,
  'a status that is none': `HTTP/1.1 20 OK\r\nContent-Length: 10\r\n\r\n${BODY}`,
  'another protocol': 'SSH-2.0-OpenSSH_9.2p1\r\n',
  'another version': `HTTP/2.0 200 OK\r\nContent-Length: 10\r\n\r\n${BODY}`,
};

for (const [title, answer] of Object.entries(BAD)) {
  test(`an answer with ${title} is refused, once`, async (t) => {
    const server = await startRawServer(t, (socket) => socket.write(answer, 'latin1'));
    const error = (await t.throwsAsync(
      READERS.drain(client(t, { retries: 2 }), server.origin),
    )) as SourceError;
    t.is(error.code, 'PROTOCOL');
    t.truthy(error.found);
    t.is(server.requests.length, 1);
    t.true(await server.isLeft());
  });
}

test('garbage without a line end is refused at once', async (t) => {
  const server = await startRawServer(t, (socket) => socket.write('garbage'));
  const error = (await t.throwsAsync(READERS.drain(client(t), server.origin))) as SourceError;
  t.is(error.code, 'PROTOCOL');
});

test('the statuses 204 and 304 have no body, whatever their header says', async (t) => {
  for (const status of [204, 304]) {
    const server = await startRawServer(t, (socket, _, count) =>
      socket.write(
        count === 1
          ? `HTTP/1.1 ${status} X\r\nContent-Length: 10\r\n\r\n`
          : `${OK}Content-Length: 10\r\n\r\n${BODY}`,
      ),
    );
    const http = client(t);
    const error = (await t.throwsAsync(READERS.drain(http, server.origin))) as SourceError;
    t.is(error.status, status);
    t.is(await READERS.drain(http, server.origin), BODY);
    t.is(server.accepted(), 1);
  }
});

for (const [title, answer] of [
  ['the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['a sized body', `${OK}Content-Length: 10\r\n\r\n0123`],
  ['a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\na\r\n0123`],
  ['the trailers', `${OK}Transfer-Encoding: chunked\r\n\r\na\r\n${BODY}\r\n0\r\nX: y\r\n`],
] as const) {
  test(`a connection that ends in ${title} is lost`, async (t) => {
    const server = await startRawServer(t, (socket) => socket.end(answer));
    for (const read of Object.values(READERS)) {
      const error = (await t.throwsAsync(read(client(t), server.origin))) as SourceError;
      t.is(error.code, 'CONNECTION_LOST');
    }
  });
}

test('a large body in chunks of all sizes is the body', async (t) => {
  const body = Buffer.from(
    Array.from({ length: 3_000_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff),
  );
  const server = await startRawServer(t, (socket) => {
    socket.write(`${OK}Transfer-Encoding: chunked\r\n\r\n`);
    for (let at = 0, size = 1; at < body.length; at += size, size = (size * 3) % 70_001) {
      const piece = body.subarray(at, at + size);
      socket.write(`${piece.length.toString(16)}\r\n`);
      socket.write(piece);
      socket.write('\r\n');
    }
    socket.write('0\r\n\r\n');
  });
  const http = client(t);
  for (const read of Object.values(READERS)) {
    t.true(Buffer.from(await read(http, server.origin), 'latin1').equals(body));
  }
  t.is(server.accepted(), 1);
});

test('few tiny chunks are kept, and many take several turns', async (t) => {
  const body = new ExchangeBody();
  await body.push(Buffer.of(1));
  let kept = 1;
  while (kept < 100_000 && body.push(Buffer.of(1)) === undefined) kept += 1;
  // Each takes a few hundred bytes, and a mebibyte may be kept.
  t.true(kept < 10_000, `${kept} chunks`);

  let taken = 0;
  const parser = new ResponseParser({
    onHead: () => undefined,
    onBody: (chunk) => {
      taken += chunk.byteLength;
    },
  });
  const bytes = Buffer.from(`${OK}Transfer-Encoding: chunked\r\n\r\n${'1\r\nx\r\n'.repeat(40_000)}0\r\n\r\n`);
  let turns = 0;
  for (let at = 0; at < bytes.length; turns += 1) {
    at = parser.execute(bytes, at);
    await parser.wait;
    parser.wait = undefined;
  }
  t.is(taken, 40_000);
  t.true(parser.isDone);
  t.true(turns > 10, `${turns} turns`);
});
