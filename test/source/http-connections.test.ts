/** How connections are shared, used again and given up; counted at the server. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { Request, type RequestOptions, type SourceError, Promotion } from '../../src/source/index.js';
import { startRawServer } from '../support/fault-server.js';
import { until as untilSo } from '../support/until.js';
import { drained } from '../support/drained.js';

const ANSWER = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

type Client = ReturnType<typeof createHttpClient>;

function client(t: ExecutionContext, options: Partial<HttpClientOptions> = {}): Client {
  const http = createHttpClient({ timeoutMs: 10_000, retries: 0, ...options });
  t.teardown(() => http.close());
  return http;
}

async function fetch(http: Client, url: string, options: RequestOptions = {}): Promise<string> {
  const response = await http.download(new Request(url, options));
  let text = '';
  await drained(response, (chunk) => {
    text += Buffer.from(chunk).toString();
  });
  return text;
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  return (await t.throwsAsync(work)) as SourceError;
}

const until = (condition: () => boolean): Promise<void> => untilSo(String(condition), condition);

test('requests in a row share a connection', async (t) => {
  const server = await startRawServer(t, (socket) => socket.write(ANSWER));
  const http = client(t);
  for (let count = 0; count < 20; count += 1) t.is(await fetch(http, server.origin), 'ok');
  t.is(server.accepted(), 1);
});

test('a connection that the server closed while it was idle is not noticed', async (t) => {
  const server = await startRawServer(t, (socket) =>
    socket.write(ANSWER, () => setTimeout(() => socket.end(), 20)),
  );
  const http = client(t);
  for (let count = 0; count < 3; count += 1) {
    t.is(await fetch(http, server.origin), 'ok');
    await until(() => server.open() === 0);
  }
  t.is(server.accepted(), 3);
  t.is(server.requests.length, 3);
});

test('a request that meets a connection just closed is sent again, once, without a retry', async (t) => {
  // The second request on any connection is answered by its end.
  const used = new WeakSet<Socket>();
  const server = await startRawServer(t, (socket) => {
    if (used.has(socket)) socket.destroy();
    else socket.write(ANSWER);
    used.add(socket);
  });
  const http = client(t);
  for (let count = 0; count < 4; count += 1) t.is(await fetch(http, server.origin), 'ok');
  t.is(server.requests.length, 7);
  t.is(server.accepted(), 4);
});

test('a new connection that brings no answer is a failure, and so is one that brought a byte', async (t) => {
  const silent = await startRawServer(t, (socket) => socket.destroy());
  t.is((await failure(t, fetch(client(t), silent.origin))).code, 'CONNECTION_LOST');
  t.is(silent.requests.length, 1);
  const stumbling = await startRawServer(t, (socket, _, count) => {
    if (count === 1) socket.write(ANSWER);
    else socket.end('H');
  });
  const http = client(t);
  t.is(await fetch(http, stumbling.origin), 'ok');
  t.is((await failure(t, fetch(http, stumbling.origin))).code, 'CONNECTION_LOST');
  t.is(stumbling.requests.length, 2);
});

// S74
test('an origin gets so many connections and no more, and all requests an answer', async (t) => {
  let most = 0;
  const server = await startRawServer(t, (socket) => {
    most = Math.max(most, server.open());
    setTimeout(() => socket.write(ANSWER), 5);
  });
  const http = client(t, { maxConnectionsPerOrigin: 3 });
  const answers = await Promise.all(Array.from({ length: 40 }, () => fetch(http, server.origin)));
  t.true(answers.every((answer) => answer === 'ok'));
  t.is(most, 3);
  t.is(server.accepted(), 3);
});

// S50
test('paused responses leave the origin to others, up to a limit', async (t) => {
  const long = Buffer.alloc(4 * 1024 * 1024);
  const server = await startRawServer(t, (socket, head) => {
    if (head.startsWith('GET /long'))
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${long.length}\r\n\r\n`);
    socket.write(head.startsWith('GET /long') ? long : ANSWER);
  });
  const http = client(t, { maxConnectionsPerOrigin: 2, maxConnections: 2, timeoutMs: 3_000 });
  const open = async (): Promise<unknown> => await http.download(new Request(`${server.origin}/long`));
  for (let count = 0; count < 7; count += 1) await open();
  t.is(await fetch(http, `${server.origin}/short`), 'ok');
  await open();
  t.is((await failure(t, open())).code, 'TIMEOUT');
  t.is(server.accepted(), 8);
});

test('a connection that cannot even be begun is the failure of its request alone', async (t) => {
  const server = await startRawServer(t, (socket) => socket.write(ANSWER));
  const http = client(t, {
    connect: async (url, onread) => {
      if (url.hostname === 'nowhere') throw new Error('no such place');
      const socket = connect({ host: url.hostname, port: Number(url.port), onread });
      await once(socket, 'connect');
      return socket;
    },
  });
  t.regex((await failure(t, fetch(http, 'http://nowhere/'))).found ?? '', /no such place/);
  t.is(await fetch(http, server.origin), 'ok');
});

test('a slow origin holds up no other, and idle connections make room', async (t) => {
  const slow = await startRawServer(t, () => undefined);
  const http = client(t, { maxConnectionsPerOrigin: 2, maxConnections: 3 });
  const waiting = Array.from({ length: 5 }, () => failure(t, fetch(http, slow.origin)));
  await until(() => slow.requests.length === 2);
  for (let count = 0; count < 4; count += 1) {
    const server = await startRawServer(t, (socket) => socket.write(ANSWER));
    t.is(await fetch(http, server.origin), 'ok');
    t.is(await fetch(http, server.origin), 'ok');
    t.is(server.accepted(), 1);
  }
  t.is(slow.accepted(), 2);
  await http.close();
  for (const error of await Promise.all(waiting)) t.is(error.code, 'INTERRUPTED');
});

test('the foreground goes first, each in the order of its requests', async (t) => {
  const order: string[] = [];
  const server = await startRawServer(t, (socket, head) => {
    order.push(head.slice(5, head.indexOf(' HTTP')));
    setTimeout(() => socket.write(ANSWER), 5);
  });
  const http = client(t, { maxConnectionsPerOrigin: 1 });
  const names = ['a', 'b', 'c'];
  const first = fetch(http, `${server.origin}/first`);
  const background = names.map((name) =>
    fetch(http, `${server.origin}/back-${name}`, { priority: 'background' }),
  );
  const foreground = names.map((name) => fetch(http, `${server.origin}/${name}`));
  await Promise.all([first, ...background, ...foreground]);
  t.deepEqual(order, ['first', 'a', 'b', 'c', 'back-a', 'back-b', 'back-c']);
});

test('what somebody comes to wait for leaves the background', async (t) => {
  const order: string[] = [];
  const server = await startRawServer(t, (socket, head) => {
    order.push(head.slice(5, head.indexOf(' HTTP')));
    setTimeout(() => socket.write(ANSWER), 5);
  });
  const http = client(t, { maxConnectionsPerOrigin: 1 });
  const promotion = new Promotion();
  const answers = [
    fetch(http, `${server.origin}/first`),
    fetch(http, `${server.origin}/later`, { priority: 'background' }),
    fetch(http, `${server.origin}/promoted`, { priority: 'background', promotion }),
    fetch(http, `${server.origin}/second`),
  ];
  promotion.promote();
  answers.push(fetch(http, `${server.origin}/third`, { priority: 'background', promotion }));
  await Promise.all(answers);
  t.deepEqual(order, ['first', 'second', 'promoted', 'third', 'later']);
});

test('a request keeps its priority', (t) => {
  t.is(new Request('http://h/').priority, 'foreground');
  const request = new Request('http://h/', { priority: 'background' });
  t.is(request.with({ url: 'http://h/x' }).priority, 'background');
  t.is(request.with({ priority: 'foreground' }).priority, 'foreground');
});

test('what is aborted while it waits is never sent', async (t) => {
  const server = await startRawServer(t, (socket, _, count) => {
    if (count > 1) socket.write(ANSWER);
    else setTimeout(() => socket.write(ANSWER), 100);
  });
  const http = client(t, { maxConnectionsPerOrigin: 1 });
  const first = fetch(http, `${server.origin}/1`);
  const abort = new AbortController();
  const second = failure(t, fetch(http, `${server.origin}/2`, { signal: abort.signal }));
  const third = fetch(http, `${server.origin}/3`);
  abort.abort();
  t.is((await second).code, 'INTERRUPTED');
  t.deepEqual(await Promise.all([first, third]), ['ok', 'ok']);
  t.is(server.requests.length, 2);
  t.is(server.accepted(), 1);
});

test('an abort while connecting, in the head, and in the body, closes the connection', async (t) => {
  const slow = await startRawServer(t, (socket, head) => {
    if (head.startsWith('GET /body')) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome');
    else socket.write('HTTP/1.1 20');
  });
  const http = client(t);
  for (const path of ['/head', '/body']) {
    const abort = new AbortController();
    const work = failure(t, fetch(http, slow.origin + path, { signal: abort.signal }));
    await until(() => slow.requests.at(-1)?.startsWith(`GET ${path}`) === true);
    await sleep(30);
    t.is(slow.open(), 1);
    abort.abort();
    t.is((await work).code, 'INTERRUPTED');
    t.true(await slow.isLeft());
  }
  const began = performance.now();
  // An address of a network for documentation (RFC 5737): nothing answers, or a network on the way refuses.
  const work = failure(t, fetch(http, 'http://192.0.2.1/', { signal: AbortSignal.timeout(50) }));
  const refusals = ['NETWORK_UNREACHABLE', 'HOST_UNREACHABLE', 'CONNECTION_REFUSED', 'CONNECTION_LOST'];
  t.true(['INTERRUPTED', ...refusals].includes((await work).code));
  t.true(performance.now() - began < 2_000);
});

test('what is cancelled while its broken body is requested again is abandoned at once', async (t) => {
  const server = await startRawServer(t, (socket, _, count) => {
    if (count > 1) return;
    socket.write('HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 10\r\n\r\n01234', () => socket.end());
  });
  const http = client(t, { retries: 2 });
  const { response } = await http.getMetadata(new Request(`${server.origin}/file`));
  const reading = failure(t, drained(response));
  await until(() => server.requests.length === 2);
  t.is(server.open(), 1);
  response?.cancel();
  t.is((await reading).code, 'INTERRUPTED');
  t.true(await server.isLeft());
});

test('the short rest of a cancelled body is read, so that the connection is used again', async (t) => {
  const server = await startRawServer(t, (socket, _, count) => {
    if (count > 1) return socket.write(ANSWER);
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\nfirst');
    return setTimeout(() => socket.write('x'.repeat(19_995)), 50);
  });
  const http = client(t);
  const response = await http.download(new Request(server.origin));
  response.cancel();
  await sleep(1_000);
  t.is(await fetch(http, server.origin), 'ok');
  t.is(server.accepted(), 1);
});

test('the short rest that does not come is not waited for', async (t) => {
  const server = await startRawServer(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\nfirst'),
  );
  const response = await client(t, { timeoutMs: 2_000 }).download(new Request(server.origin));
  response.cancel();
  await until(() => server.open() === 0);
  t.is(server.open(), 0);
});

// S81
test('a body that stops coming is a timeout; one that is not read is not', async (t) => {
  const server = await startRawServer(t, (socket, _, count) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfir');
    if (count === 2) setTimeout(() => socket.write('st!'), 600);
  });
  const http = client(t, { timeoutMs: 900 });
  t.is((await failure(t, fetch(http, server.origin))).code, 'TIMEOUT');
  const response = await http.download(new Request(server.origin));
  await sleep(700);
  let text = '';
  await drained(response, (chunk) => {
    text += Buffer.from(chunk).toString();
  });
  t.is(text, 'first!');
});

test('a sink that waits stops the reading, and owns its memory meanwhile', async (t) => {
  const body = Buffer.alloc(8 << 20, 'abcdefgh');
  for (let at = 0; at < body.length; at += 4096) body.writeUInt32LE(at, at);
  const server = await startRawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    socket.write(body);
  });
  const response = await client(t).download(new Request(server.origin));
  let at = 0;
  let busy = 0;
  await drained(response, async (chunk) => {
    busy += 1;
    t.is(busy, 1);
    await sleep(1);
    t.true(body.subarray(at, at + chunk.byteLength).equals(chunk));
    at += chunk.byteLength;
    busy -= 1;
  });
  t.is(at, body.length);
});

test('what a sink throws ends the body, and is thrown as it is', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nETag: "x"\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(500_000)}`);
  });
  const http = client(t, { retries: 3 });
  const own = new Error('disk full');
  for (const sink of [
    () => {
      throw own;
    },
    () => Promise.reject(own),
  ]) {
    const response = await http.download(new Request(server.origin));
    t.is(await t.throwsAsync(drained(response, sink)), own);
    t.true(await server.isLeft());
  }
  t.is(server.requests.length, 2);
});

// S49
test('a body that is not read is received up to a limit', async (t) => {
  let sent = 0;
  const server = await startRawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const piece = Buffer.alloc(65_536);
    const send = (): void => {
      while (!socket.destroyed && socket.write(piece)) sent += piece.length;
      sent += piece.length;
      socket.once('drain', send);
    };
    send();
  });
  const response = await client(t).download(new Request(server.origin));
  const hasPaused = async (): Promise<boolean> => {
    const before = sent;
    await sleep(300);
    return before > 0 && sent === before;
  };
  while (!(await hasPaused())) t.true(sent < 32 << 20, String(sent));
  response.cancel();
  t.true(await server.isLeft());
});

test('a name with addresses of both kinds is reached by the one that answers', async (t) => {
  const server = await startRawServer(t, (socket) => socket.write(ANSWER));
  const port = new URL(server.origin).port;
  t.is(await fetch(client(t), `http://localhost:${port}/`), 'ok');
  const six = createServer((socket) => socket.once('data', () => socket.end(ANSWER)));
  const listening = await new Promise<boolean>((resolve) => {
    six
      .once('error', () => resolve(false))
      .listen({ port: 0, host: '::1', ipv6Only: true }, () => resolve(true));
  });
  t.teardown(() => six.close());
  const address = six.address();
  if (!listening || address === null || typeof address === 'string') {
    t.log('no IPv6 here');
    return;
  }
  t.is(await fetch(client(t), `http://[::1]:${address.port}/`), 'ok');
});

test('a header that would be two is not sent', async (t) => {
  const server = await startRawServer(t, (socket) => socket.write(ANSWER));
  const http = client(t, { headersFor: () => ({ 'x-evil': 'a\r\nx-other: b' }) });
  t.is((await failure(t, fetch(http, server.origin))).code, 'INVALID_REQUEST');
  t.is(server.requests.length, 0);
});

test('nothing is left when the client is closed, and an idle client lets its process end', async (t) => {
  const server = await startRawServer(t, (socket, head) => {
    if (!head.startsWith('GET /silent')) socket.write(ANSWER);
  });
  const http = createHttpClient();
  const hanging = failure(t, fetch(http, `${server.origin}/silent`));
  t.is(await fetch(http, server.origin), 'ok');
  await http.close();
  t.is((await hanging).code, 'INTERRUPTED');
  t.is((await failure(t, fetch(http, server.origin))).code, 'INTERRUPTED');
  t.true(await server.isLeft());

  const program = `
    const { createHttpClient } = await import(${JSON.stringify(new URL('../../src/source/http/http-client.js', import.meta.url).href)});
    const { Request } = await import(${JSON.stringify(new URL('../../src/source/index.js', import.meta.url).href)});
    const response = await createHttpClient().download(new Request(process.argv[1]));
    const memory = Buffer.alloc(10);
    console.log(String(memory.subarray(0, await response.read({ pieces: [memory] }))));`;
  const args = ['--input-type=module', '-e', program, server.origin];
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
  t.is(stdout, 'ok\n');
});
