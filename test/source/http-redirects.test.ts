/** Where redirects may lead, and which headers go with them. */
import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { Request, type RequestOptions, type SourceError } from '../../src/source/index.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';

type Server = Awaited<ReturnType<typeof startFaultServer>>;

async function fetch(
  t: ExecutionContext,
  url: string,
  { header = {}, ...options }: Partial<HttpClientOptions> & Pick<RequestOptions, 'header'> = {},
): Promise<void> {
  const http = createHttpClient({ timeoutMs: 2_000, retries: 0, ...options });
  t.teardown(() => http.close());
  const response = await http.download(new Request(url, { range: { start: 0, end: 1 }, header }));
  for await (const _ of response.body);
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  return (await t.throwsAsync(work)) as SourceError;
}

const startTarget = (t: ExecutionContext): Promise<Server> =>
  startFaultServer(t, (_, response) =>
    response.writeHead(206, { 'content-range': 'bytes 0-0/1', 'content-length': '1' }).end('x'),
  );

const startRedirect = (t: ExecutionContext, location: string): Promise<Server> =>
  startFaultServer(t, (_, response) => response.writeHead(302, { location }).end());

// S69
test('a redirect carries to another origin what is on the list, and nothing else', async (t) => {
  const target = await startTarget(t);
  const server = await startRedirect(t, `${target.origin}/there`);
  const secret = { authorization: 'a', cookie: 'b', 'x-api-key': 'c', 'private-token': 'd' };
  const conditions = {
    'if-match': '"1"',
    'if-modified-since': 'a',
    'if-none-match': '"2"',
    'if-range': '"3"',
    'if-unmodified-since': 'b',
  };
  const allowed = {
    ...conditions,
    accept: 'text/html',
    'accept-language': 'de',
    'cache-control': 'no-cache',
    'user-agent': 'me',
  };
  await fetch(t, `${server.origin}/here`, { header: { ...secret, ...allowed } });
  t.like(server.requests[0]?.headers, secret);
  const carried = target.requests[0]?.headers ?? {};
  for (const name of Object.keys(secret)) t.is(carried[name], undefined, name);
  t.like(carried, { ...allowed, range: 'bytes=0-0' });
});

test('a redirect within the origin carries everything', async (t) => {
  const server: Server = await startFaultServer(t, (request, response) => {
    if (request.url === '/here') return response.writeHead(302, { location: '/there' }).end();
    return response.writeHead(206, { 'content-range': 'bytes 0-0/1', 'content-length': '1' }).end('x');
  });
  await fetch(t, `${server.origin}/here`, { header: { 'x-api-key': 'c' } });
  t.is(server.requests[1]?.headers['x-api-key'], 'c');
});

// S69
test('each origin of a chain gets the headers that are configured for it', async (t) => {
  const target = await startTarget(t);
  const server = await startRedirect(t, `${target.origin}/there`);
  const configured: Record<string, Record<string, string>> = {
    [server.origin]: { 'x-key': 'first' },
    [target.origin]: { 'x-key': 'second' },
  };
  await fetch(t, server.origin, { headersFor: ({ origin }) => configured[origin] ?? {} });
  t.is(server.requests[0]?.headers['x-key'], 'first');
  t.is(target.requests[0]?.headers['x-key'], 'second');
});

// S70
test('a redirect with credentials is refused, and its message holds none', async (t) => {
  const target = await startTarget(t);
  for (const credentials of ['user:hunter2', 'hunter2', ':hunter2']) {
    const server = await startRedirect(t, target.origin.replace('//', `//${credentials}@`));
    const error = await failure(t, fetch(t, server.origin));
    t.is(error.code, 'PROTOCOL');
    t.notRegex(`${error.message} ${error.found}`, /hunter2/);
  }
  t.is(target.requests.length, 0);
});

test('the bytes of a Location that are not ASCII are requested as they are, and an endless one is refused', async (t) => {
  const server = await startRawServer(t, (socket, head) => {
    const path = head.split(' ')[1];
    const to = path === '/long' ? `/${'x'.repeat(9_000)}` : '/caf\u00e9 \u00c3\u00bc?\u00ff';
    if (path === '/here' || path === '/long') {
      socket.write(`HTTP/1.1 302 Found\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
    } else {
      socket.write('HTTP/1.1 206 OK\r\nContent-Range: bytes 0-0/1\r\nContent-Length: 1\r\n\r\nx');
    }
  });
  await fetch(t, `${server.origin}/here`);
  t.is(server.requests[1]?.split(' ')[1], '/caf%E9%20%C3%BC?%FF');
  const error = await failure(t, fetch(t, `${server.origin}/long`));
  t.is(error.code, 'PROTOCOL');
  t.is(error.found, '9001 bytes');
});
