/** The engine of HTTP as a source uses it: methods, authorizers, refusals, redirects, documents. */
import test, { type ExecutionContext } from 'ava';

import type { Authorizer } from '../../src/source/http/authorizer.js';
import type { HttpEngine, HttpRequest } from '../../src/source/http/http-engine.js';
import type { HttpEngineOptions } from '../../src/source/http/http-options.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import type { Refusal } from '../../src/source/http/refusal.js';
import { IsDirectoryError, Request, SourceError } from '../../src/source/index.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { drained } from '../support/drained.js';

const CALLER = new Request('made-up://bucket/key');

function engineFor(t: ExecutionContext, options: Partial<HttpEngineOptions> = {}): HttpEngine {
  const engine = createHttpEngine({ timeoutMs: 2_000, retries: 0, proxyFor: undefined, ...options });
  t.teardown(() => engine.close());
  return engine;
}

async function statusOf(
  engine: HttpEngine,
  url: string,
  request: Partial<HttpRequest> = {},
  caller = CALLER,
): Promise<number> {
  const answer = await engine.send({ url: new URL(url), allowed: [200], ...request }, caller);
  await drained(answer.body);
  return answer.status;
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  return await t.throwsAsync(work, { instanceOf: SourceError });
}

test('a request has its method, its header and its small body', async (t) => {
  const heads: string[] = [];
  const server = await startRawServer(t, (socket, head) => {
    heads.push(head);
    socket.write('HTTP/1.1 207 Multi-Status\r\nContent-Length: 0\r\n\r\n');
  });
  const answer = await engineFor(t).send(
    {
      url: new URL(`${server.origin}/a%2Fb?q=%20#fragment`),
      method: 'PROPFIND',
      header: { depth: '1' },
      body: { type: 'application/xml', text: '<ü/>' },
      allowed: [207],
    },
    CALLER,
  );
  await drained(answer.body);
  const [head = ''] = heads;
  t.true(head.startsWith('PROPFIND /a%2Fb?q=%20 HTTP/1.1\r\n'), head);
  t.regex(head, /^depth: 1$/m);
  t.regex(head, /^content-type: application\/xml$/m);
  t.regex(head, /^content-length: 5$/m);
});

test('the authorizer is called for each try, and what it adds is sent', async (t) => {
  const server = await startFaultServer(t, (_, response, count) => {
    response.writeHead(count < 3 ? 503 : 200).end();
  });
  let tries = 0;
  const authorizer: Authorizer = {
    authorize: ({ method, url, header }) => {
      tries += 1;
      t.deepEqual([method, url.pathname, header['x-own']], ['GET', '/x', 'y']);
      const signed = new URL(url);
      signed.searchParams.set('signature', String(tries));
      return Promise.resolve({ header: { authorization: `try ${tries}` }, url: signed });
    },
  };
  const engine = engineFor(t, { retries: 2 });
  t.is(await statusOf(engine, `${server.origin}/x`, { authorizer, header: { 'x-own': 'y' } }), 200);
  const seen = server.requests.map(({ url, headers }) => `${url} ${headers.authorization}`);
  t.deepEqual(seen, ['/x?signature=1 try 1', '/x?signature=2 try 2', '/x?signature=3 try 3']);
});

test('an authorizer that was refused may send once more, whatever the retries are', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    if (request.headers.authorization === 'fresh') return response.writeHead(200).end();
    response.writeHead(401, { 'www-authenticate': 'Bearer realm="r"' });
    return response.end('the token has expired');
  });
  const refusals: Refusal[] = [];
  let token = 'old';
  const authorizer = (fresh: string): Authorizer => ({
    authorize: () => ({ header: { authorization: token } }),
    refused: (refusal) => {
      refusals.push(refusal);
      token = fresh;
      return Promise.resolve(true);
    },
  });
  const engine = engineFor(t);
  t.is(await statusOf(engine, server.origin, { authorizer: authorizer('fresh') }), 200);
  t.like(refusals, [{ status: 401, text: 'the token has expired' }]);
  t.is(refusals[0]?.header.get('www-authenticate'), 'Bearer realm="r"');
  token = 'old';
  const error = await failure(t, statusOf(engine, server.origin, { authorizer: authorizer('stale') }));
  t.like(error, { code: 'ACCESS_DENIED', status: 401, url: 'made-up://bucket/key' });
  t.is(refusals.length, 2, 'once');
  t.is(server.requests.length, 4);
});

test('credentials that cannot be fetched are ACCESS_DENIED, and that takes no longer than the deadline', async (t) => {
  const engine = engineFor(t, { timeoutMs: 300 });
  const fails: Authorizer = { authorize: () => Promise.reject(new Error('the helper failed')) };
  const error = await failure(t, statusOf(engine, 'http://127.0.0.1:1', { authorizer: fails }));
  t.like(error, { code: 'ACCESS_DENIED', found: 'the helper failed' });
  const hangs: Authorizer = { authorize: () => new Promise(() => undefined) };
  t.is((await failure(t, statusOf(engine, 'http://127.0.0.1:1', { authorizer: hangs }))).code, 'TIMEOUT');
  const controller = new AbortController();
  setImmediate(() => controller.abort());
  const caller = CALLER.with({ signal: controller.signal });
  const aborted = statusOf(engineFor(t), 'http://127.0.0.1:1', { authorizer: hangs }, caller);
  t.is((await failure(t, aborted)).code, 'INTERRUPTED');
});

test('a source explains a refusal by at most 64 KiB of its body, and decides whether to retry', async (t) => {
  const server = await startFaultServer(t, (_, response, count) => {
    if (count === 3) return response.writeHead(200).end();
    return response.writeHead(400).end(`<Code>Slow</Code>${'x'.repeat(100_000)}`);
  });
  const lengths: number[] = [];
  const explain = ({ text }: Refusal): SourceError | undefined => {
    lengths.push(text.length);
    return text.startsWith('<Code>Slow') ? new SourceError('BUSY', 'slow down', CALLER.url) : undefined;
  };
  const error = await failure(t, statusOf(engineFor(t, { retries: 3 }), server.origin, { explain }));
  t.is(error.code, 'BUSY');
  t.is(server.requests.length, 1, 'a status 400 is final');
  const engine = engineFor(t, { retries: 3 });
  t.is(await statusOf(engine, server.origin, { explain, isRetryable: () => true }), 200);
  t.deepEqual(lengths, [65_536, 65_536]);
});

test('a refusal whose body hangs is explained by what came of it', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n<Code>Denied</Code>');
  });
  const texts: string[] = [];
  const explain = ({ text }: Refusal): undefined => void texts.push(text);
  const error = await failure(t, statusOf(engineFor(t, { timeoutMs: 300 }), server.origin, { explain }));
  t.is(error.code, 'ACCESS_DENIED');
  t.deepEqual(texts, ['<Code>Denied</Code>']);
});

test('redirects are followed, refused, or as a function says, and the heads of all hops are kept', async (t) => {
  const server = await startFaultServer(t, ({ url }, response) => {
    if (url === '/end') return response.writeHead(200).end();
    const next = url === '/first' ? '/second' : '/end';
    return response.writeHead(302, { location: next, 'x-linked': `of ${url}` }).end();
  });
  const engine = engineFor(t);
  const request = { url: new URL(`${server.origin}/first`), allowed: [200] };
  const answer = await engine.send(request, CALLER);
  answer.body.cancel();
  t.is(answer.url.pathname, '/end');
  const hops = answer.hops.map(({ url, status, header }) => [url.pathname, status, header.get('x-linked')]);
  t.deepEqual(hops, [
    ['/first', 302, 'of /first'],
    ['/second', 302, 'of /second'],
  ]);
  t.is((await failure(t, engine.send({ ...request, redirects: 'refuse' }, CALLER))).status, 302);
  const toEnd = await engine.send({ ...request, redirects: ({ from }) => new URL('/end', from) }, CALLER);
  t.is(toEnd.hops.length, 1);
  toEnd.body.cancel();
  const toDirectory = engine.send(
    {
      ...request,
      redirects: ({ requested }) => {
        throw new IsDirectoryError(requested);
      },
    },
    CALLER,
  );
  t.like(await failure(t, toDirectory), { code: 'IS_DIRECTORY', url: 'made-up://bucket/key' });
});

// S69
const KINDS: readonly [string, Partial<HttpRequest>][] = [
  ['Authorization', { header: { authorization: 'hunter2' } }],
  ['a cookie', { header: { cookie: 'hunter2' } }],
  ['an API key', { header: { 'x-api-key': 'hunter2' } }],
  ['a session token', { header: { 'x-amz-security-token': 'hunter2' } }],
  ['Proxy-Authorization', { header: { 'proxy-authorization': 'hunter2' } }],
  ['what an authorizer adds', { authorizer: ownOrigin({ header: { authorization: 'hunter2' } }) }],
  ['a signed URL', { authorizer: ownOrigin({ query: 'signature=hunter2' }) }],
];

/** Of the origin whose path is /first. */
function ownOrigin(adds: { header?: Record<string, string>; query?: string }): Authorizer {
  return {
    authorize: ({ url }) => {
      if (url.pathname !== '/first') return undefined;
      return {
        ...(adds.header === undefined ? {} : { header: adds.header }),
        ...(adds.query === undefined ? {} : { url: new URL(`${url.href}?${adds.query}`) }),
      };
    },
  };
}

for (const [kind, request] of KINDS) {
  test(`credentials stay at their origin when a redirect leads elsewhere: ${kind}`, async (t) => {
    const other = await startFaultServer(t, (_, response) => response.writeHead(200).end());
    const server = await startFaultServer(t, (_, response) =>
      response.writeHead(307, { location: `${other.origin}/second` }).end(),
    );
    t.is(await statusOf(engineFor(t), `${server.origin}/first`, request), 200);
    const shown = ({ requests }: typeof server): string =>
      JSON.stringify(requests.map(({ url, rawHeaders }) => [url, rawHeaders]));
    t.regex(shown(server), /hunter2/);
    t.notRegex(shown(other), /hunter2/);
  });
}

test('a body is sent to no other origin, and never again after a 303', async (t) => {
  const other = await startFaultServer(t, (_, response) => response.writeHead(200).end());
  const body = { type: 'text/plain', text: 'hunter2' };
  for (const [status, location] of [
    [307, `${other.origin}/`],
    [303, '/'],
  ] as const) {
    const server = await startFaultServer(t, (_, response) => response.writeHead(status, { location }).end());
    const sent = statusOf(engineFor(t), server.origin, { method: 'POST', body });
    t.is((await failure(t, sent)).status, status);
    t.is(server.requests.length, 1);
  }
  t.is(other.requests.length, 0);
});

test('a small document is read whole, again when it breaks, and not beyond its limit', async (t) => {
  const server = await startRawServer(t, (socket, _, count) => {
    const text = '{"token":"ü"}';
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`);
    if (count === 1) socket.end(text.slice(0, 5));
    else socket.write(text);
  });
  const engine = engineFor(t, { retries: 1 });
  const request = { url: new URL(server.origin), allowed: [200] };
  const { text, status } = await engine.fetchText(request, CALLER, 14);
  t.deepEqual([text, status], ['{"token":"ü"}', 200]);
  const error = await failure(t, engine.fetchText(request, CALLER, 13));
  t.like(error, { code: 'PROTOCOL', expected: 'at most 13 bytes' });
  t.is(server.requests.length, 3, 'which is final');
});

test('a long document is read in pieces by one reader a try', async (t) => {
  const text = 'ü'.repeat(100_000);
  const server = await startRawServer(t, (socket, _, count) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n`);
    if (count === 1) socket.end(text.slice(0, 1_000));
    else socket.write(text);
  });
  let readers = 0;
  const joined = await engineFor(t, { retries: 1 }).fetchPieces(
    { url: new URL(server.origin), allowed: [200] },
    CALLER,
    () => {
      readers += 1;
      const pieces: string[] = [];
      return {
        read: (piece) => {
          pieces.push(piece);
          return 1;
        },
        end: () => pieces.join(''),
      };
    },
  );
  t.is(joined, text);
  t.is(readers, 2);
});

test('a document that its reader cannot read is a fault of the source, and is not requested again', async (t) => {
  const server = await startFaultServer(t, (_, response) => response.writeHead(200).end('{"a":"hunter2'));
  const read = engineFor(t, { retries: 2 }).fetchPieces(
    { url: new URL(server.origin), allowed: [200] },
    CALLER,
    () => {
      let all = '';
      return { read: (text) => (all += text).length, end: () => JSON.parse(all) as unknown };
    },
  );
  const error = await failure(t, read);
  t.is(error.code, 'PROTOCOL');
  t.notRegex(`${error.message} ${error.found}`, /hunter2/);
  t.is(server.requests.length, 1);
});
