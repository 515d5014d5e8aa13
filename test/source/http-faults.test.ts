import type { IncomingMessage, ServerResponse } from 'node:http';

import test, { type ExecutionContext } from 'ava';

import { createHttpClient } from '../../src/source/http/http-client.js';
import type { HttpClientOptions } from '../../src/source/http/http-options.js';
import { Request, type RequestOptions, type SourceError, type Validators } from '../../src/source/index.js';
import { startFaultServer } from '../support/fault-server.js';

const CONTENT = Buffer.from('0123456789abcdefghij');
const FIRST_TEN = { start: 0, end: 10 };

/** Answers 206 with what was requested, with some headers replaced. */
function partial(
  request: IncomingMessage,
  response: ServerResponse,
  headers: Record<string, string> = {},
): void {
  const [, start = '0', last = ''] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? [];
  const end = Math.min(last === '' ? CONTENT.length : Number(last) + 1, CONTENT.length);
  const body = CONTENT.subarray(Number(start), end);
  response.writeHead(206, {
    'content-range': `bytes ${start}-${end - 1}/${CONTENT.length}`,
    'content-length': String(body.length),
    etag: '"one"',
    ...headers,
  });
  response.end(body);
}

function client(
  t: ExecutionContext,
  options: Partial<HttpClientOptions> = {},
): ReturnType<typeof createHttpClient> {
  const http = createHttpClient({ timeoutMs: 2_000, ...options });
  t.teardown(() => http.close());
  return http;
}

async function fetch(
  http: ReturnType<typeof createHttpClient>,
  url: string,
  options: RequestOptions = { range: FIRST_TEN },
): Promise<string> {
  const response = await http.download(new Request(url, options));
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function failure(t: ExecutionContext, work: Promise<unknown>): Promise<SourceError> {
  return (await t.throwsAsync(work)) as SourceError;
}

for (const [title, headers, code] of [
  ['another range than requested', { 'content-range': 'bytes 5-14/20' }, 'PROTOCOL'],
  ['no Content-Range', { 'content-range': '' }, 'PROTOCOL'],
  ['a total that contradicts the pinned length', { 'content-range': 'bytes 0-9/21' }, 'CHANGED'],
  ['another entity tag than the pinned one', { etag: '"two"' }, 'CHANGED'],
  ['an encoded body', { 'content-encoding': 'gzip' }, 'PROTOCOL'],
  ['several parts', { 'content-type': 'multipart/byteranges; boundary=x', 'content-range': '' }, 'PROTOCOL'],
] as const) {
  // S2
  test(`an answer with ${title} is refused, once`, async (t) => {
    const server = await startFaultServer(t, (request, response) => partial(request, response, headers));
    const pin = { etag: '"one"', contentLength: CONTENT.length };
    const error = await failure(t, fetch(client(t), server.origin, { range: FIRST_TEN, pin }));
    t.is(error.code, code);
    t.truthy(error.expected);
    t.truthy(error.found);
    t.is(server.requests.length, 1);
  });
}

test('a pinned request is conditional, and asks for no encoding', async (t) => {
  const server = await startFaultServer(t, (request, response) => partial(request, response));
  t.is(await fetch(client(t), server.origin, { range: FIRST_TEN, pin: { etag: '"one"' } }), '0123456789');
  t.like(server.requests[0]?.headers, {
    'if-match': '"one"',
    'accept-encoding': 'identity',
    range: 'bytes=0-9',
  });
});

test('a precondition that fails is a change', async (t) => {
  const server = await startFaultServer(t, (_request, response) => response.writeHead(412).end());
  const work = fetch(client(t), server.origin, { range: FIRST_TEN, pin: { etag: '"one"' } });
  t.like(await failure(t, work), { code: 'CHANGED', expected: 'the version that was opened', status: 412 });
});

test('a range that is not there, within the length that is known, is a change', async (t) => {
  const server = await startFaultServer(t, (_request, response) => response.writeHead(416).end());
  const pin = { contentLength: CONTENT.length };
  t.is((await failure(t, fetch(client(t), server.origin, { range: FIRST_TEN, pin }))).code, 'CHANGED');
  const beyond = { range: { start: 20, end: 30 }, pin };
  t.is((await failure(t, fetch(client(t), server.origin, beyond))).code, 'UNEXPECTED_STATUS');
});

for (const [kind, found] of [
  ['another kind of validator', { 'last-modified': 'Sat, 01 Jan 2000 00:00:00 GMT' }],
  ['no validator', {}],
] as const) {
  test(`an answer with ${kind} than the pinned one is of another version`, async (t) => {
    const server = await startFaultServer(t, (_request, response) => {
      response.writeHead(206, { 'content-range': 'bytes 0-9/20', 'content-length': '10', ...found });
      response.end(CONTENT.subarray(0, 10));
    });
    const pin = { etag: '"one"', contentLength: CONTENT.length };
    t.is((await failure(t, fetch(client(t), server.origin, { range: FIRST_TEN, pin }))).code, 'CHANGED');
    // Who asks what there is now takes what there is.
    t.is(await fetch(client(t), server.origin), '0123456789');
  });
}

const THEN = 'Sat, 01 Jan 2000 00:00:00 GMT';
const LATER = 'Sat, 01 Jan 2000 00:00:01 GMT';

for (const [title, pin, found, expected] of [
  ['weak tags, the same', { etag: 'W/"one"' }, { etag: 'W/"one"' }, 'taken'],
  ['weak tags, others', { etag: 'W/"one"' }, { etag: 'W/"two"' }, 'CHANGED'],
  ['a weak tag for a strong one', { etag: '"one"' }, { etag: 'W/"one"' }, 'CHANGED'],
  ['the same weak tag and time', { etag: 'W/"one"', at: THEN }, { etag: 'W/"one"', at: THEN }, 'taken'],
  [
    'the same weak tag, another time',
    { etag: 'W/"one"', at: THEN },
    { etag: 'W/"one"', at: LATER },
    'CHANGED',
  ],
  ['the same weak tag, no time', { etag: 'W/"one"', at: THEN }, { etag: 'W/"one"' }, 'CHANGED'],
  [
    'a weak tag for a strong one, the same time',
    { etag: '"one"', at: THEN },
    { etag: 'W/"one"', at: THEN },
    'taken',
  ],
  ['the same strong tag, another time', { etag: '"one"', at: THEN }, { etag: '"one"', at: LATER }, 'taken'],
  [
    'the same tag without quotes, another time',
    { etag: 'one', at: THEN },
    { etag: 'one', at: LATER },
    'taken',
  ],
  ['tags without quotes, others', { etag: 'one', at: THEN }, { etag: 'two', at: THEN }, 'CHANGED'],
  [
    'the same weak tag in lower case, another time',
    { etag: 'w/"one"', at: THEN },
    { etag: 'w/"one"', at: LATER },
    'CHANGED',
  ],
] as const satisfies readonly (readonly [
  string,
  { etag: string; at?: string },
  { etag: string; at?: string },
  string,
])[]) {
  // S39
  test(`of a pinned version: ${title}`, async (t) => {
    const [asked, answered] = [validators(pin), validators(found)];
    const server = await startFaultServer(t, (request, response) =>
      partial(request, response, answered.headers),
    );
    const work = fetch(client(t), server.origin, { range: FIRST_TEN, pin: asked.pin });
    if (expected === 'taken') t.is(await work, '0123456789');
    else t.is((await failure(t, work)).code, expected);
  });
}

function validators({ etag, at }: { etag: string; at?: string }): {
  pin: Validators;
  headers: Record<string, string>;
} {
  return {
    pin: { etag, ...(at === undefined ? {} : { lastModifiedMs: Date.parse(at) }) },
    headers: { etag, ...(at === undefined ? {} : { 'last-modified': at }) },
  };
}

test('the rest of a body with a weak tag is requested by its time, or not at all', async (t) => {
  for (const [time, expected] of [
    [{ 'last-modified': THEN }, '0123456789'],
    [{}, 'CONNECTION_LOST'],
  ] as const) {
    const server = await startFaultServer(t, (request, response, count) => {
      // RFC 9110, 15.3.7: the answer to If-Range need not repeat the time.
      if (count > 1) return partial(request, response, { etag: 'W/"one"' });
      response.writeHead(206, {
        'content-range': 'bytes 0-9/20',
        'content-length': '10',
        etag: 'W/"one"',
        ...time,
      });
      response.write(CONTENT.subarray(0, 4), () => setTimeout(() => response.destroy(), 50));
    });
    const work = fetch(client(t), server.origin).catch((error: unknown) => (error as SourceError).code);
    t.is(await work, expected);
    t.is(server.requests[1]?.headers['if-range'], 'last-modified' in time ? THEN : undefined);
  }
});

// S4
test('a broken body is taken up where it stopped, if it is still the same', async (t) => {
  const server = await startFaultServer(t, (request, response, count) => {
    if (count > 1) return partial(request, response);
    response.writeHead(206, { 'content-range': 'bytes 0-9/20', 'content-length': '10', etag: '"one"' });
    response.write(CONTENT.subarray(0, 4), () => setTimeout(() => response.destroy(), 50));
  });
  t.is(await fetch(client(t), server.origin), '0123456789');
  t.is(server.requests.length, 2);
  t.like(server.requests[1]?.headers, { range: 'bytes=4-9', 'if-range': '"one"' });
});

for (const [kind, lastModified, again, expected] of [
  ['an old time, which the rest does not repeat', 'Sat, 01 Jan 2000 00:00:00 GMT', undefined, 'all'],
  ['the time of this second', new Date(4_000_000_000_000).toUTCString(), 'the same', 'broken'],
] as const) {
  // S81
  test(`a broken body is requested again by ${kind}: ${expected}`, async (t) => {
    const server = await startFaultServer(t, (_request, response, count) => {
      const time = count === 1 || again !== undefined ? { 'last-modified': lastModified } : {};
      const [start, end] = count === 1 ? [0, 10] : [4, 10];
      response.writeHead(206, {
        date: new Date(4_000_000_000_000).toUTCString(),
        'content-range': `bytes ${start}-${end - 1}/20`,
        'content-length': end - start,
        ...time,
      });
      if (count > 1) return void response.end(CONTENT.subarray(start, end));
      response.write(CONTENT.subarray(0, 4), () => setTimeout(() => response.destroy(), 50));
    });
    const work = fetch(client(t), server.origin);
    if (expected === 'all') t.is(await work, '0123456789');
    else t.is((await failure(t, work)).code, 'CONNECTION_LOST');
    t.is(server.requests.length, expected === 'all' ? 2 : 1);
  });
}

test('a body that breaks again and again without progress is given up', async (t) => {
  const server = await startFaultServer(t, (_request, response) => {
    response.writeHead(206, { 'content-range': 'bytes 0-9/20', 'content-length': '10', etag: '"one"' });
    response.flushHeaders();
    setTimeout(() => response.destroy(), 20);
  });
  t.is((await failure(t, fetch(client(t, { retries: 1 }), server.origin))).code, 'CONNECTION_LOST');
  t.is(server.requests.length, 2);
});

// S2
test('a chunked body that breaks is no end of file', async (t) => {
  const server = await startFaultServer(t, (_request, response) => {
    response.writeHead(200, {});
    response.write('some', () => setTimeout(() => response.destroy(), 50));
  });
  t.is((await failure(t, fetch(client(t), server.origin, {}))).code, 'CONNECTION_LOST');
});

for (const [total, expected, asked] of [
  ['20', CONTENT.toString(), [undefined, 'bytes=4-', 'bytes=10-19', 'bytes=16-19']],
  ['*', 'PROTOCOL', [undefined, 'bytes=4-']],
] as const) {
  test(`the rest of a chunked body that comes in parts of ${total} is no shorter file`, async (t) => {
    const server = await startFaultServer(t, (request, response, count) => {
      if (count === 1) {
        response.writeHead(200, { etag: '"one"' });
        return void response.write(CONTENT.subarray(0, 4), () => setTimeout(() => response.destroy(), 50));
      }
      // As servers do that cap what they give for one request.
      const start = Number(/\d+/.exec(request.headers.range ?? '')?.[0]);
      const end = Math.min(start + 6, CONTENT.length);
      response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${total}`, etag: '"one"' });
      return void response.end(CONTENT.subarray(start, end));
    });
    const work = fetch(client(t), server.origin, {}).catch((error: unknown) => (error as SourceError).code);
    t.is(await work, expected);
    t.deepEqual(
      server.requests.map(({ headers }) => headers.range),
      [...asked],
    );
  });
}

for (const [title, found, expected] of [
  ['its length', { 'content-range': 'bytes */20' }, CONTENT.toString()],
  ['its length and its tag', { 'content-range': 'bytes */20', etag: '"one"' }, CONTENT.toString()],
  ['its length and another tag', { 'content-range': 'bytes */20', etag: '"two"' }, 'CHANGED'],
  ['another length', { 'content-range': 'bytes */19' }, 'CHANGED'],
  ['no length', {}, 'CHANGED'],
] as const) {
  // S4
  test(`a chunked body that breaks behind its last byte, and then 416 with ${title}`, async (t) => {
    const server = await startFaultServer(t, (_request, response, count) => {
      if (count > 1) return void response.writeHead(416, found).end();
      response.writeHead(200, { etag: '"one"' });
      return void response.write(CONTENT, () => setTimeout(() => response.destroy(), 50));
    });
    const work = fetch(client(t), server.origin, {}).catch((error: unknown) => (error as SourceError).code);
    t.is(await work, expected);
    t.deepEqual(
      server.requests.map(({ headers }) => headers.range),
      [undefined, 'bytes=20-'],
    );
  });
}

test('a 200 to a range is the whole body, and says so', async (t) => {
  const server = await startFaultServer(t, (_request, response) => response.end(CONTENT));
  const response = await client(t).download(new Request(server.origin, { range: { start: 5, end: 10 } }));
  t.is(response.offset, 0);
  t.is(response.contentLength, CONTENT.length);
  response.cancel();
});

for (const [range, expected] of [
  ['bytes 0-19/20', CONTENT.toString()],
  ['bytes 0-19/40', 'PROTOCOL'],
  ['bytes 5-24/40', 'PROTOCOL'],
  ['bytes 0-9/10', 'PROTOCOL'],
  ['bytes', 'PROTOCOL'],
] as const) {
  test(`a 200 with Content-Range: ${range}`, async (t) => {
    const server = await startFaultServer(t, (_request, response) =>
      response.writeHead(200, { 'content-range': range, 'content-length': CONTENT.length }).end(CONTENT),
    );
    const work = fetch(client(t), server.origin).catch((error: unknown) => (error as SourceError).code);
    t.is(await work, expected);
  });
}

// S96
test('what may pass is retried; what may not is not', async (t) => {
  const busy = await startFaultServer(t, (request, response, count) =>
    count < 3 ? response.writeHead(503, { 'retry-after': '0' }).end() : partial(request, response),
  );
  t.is(await fetch(client(t), busy.origin), '0123456789');
  t.is(busy.requests.length, 3);
  const rows = [
    [404, 'NOT_FOUND', 1],
    [403, 'ACCESS_DENIED', 1],
    [451, 'ACCESS_DENIED', 1],
    [418, 'UNEXPECTED_STATUS', 1],
    [503, 'BUSY', 2],
    [500, 'UNEXPECTED_STATUS', 2],
  ] as const;
  for (const [status, code, count] of rows) {
    const server = await startFaultServer(t, (_request, response) => response.writeHead(status).end());
    const error = await failure(t, fetch(client(t, { retries: 1 }), server.origin));
    t.is(error.code, code);
    t.is(server.requests.length, count, String(status));
  }
});

// S79
test('a silent server is a timeout, a closed port a refusal, within the deadline', async (t) => {
  const silent = await startFaultServer(t, () => undefined);
  const began = performance.now();
  t.is((await failure(t, fetch(client(t, { timeoutMs: 500 }), silent.origin))).code, 'TIMEOUT');
  t.is((await failure(t, fetch(client(t, { retries: 1 }), 'http://127.0.0.1:1'))).code, 'CONNECTION_REFUSED');
  t.true(performance.now() - began < 3_000);
});

test('a caller that gives up is free at once', async (t) => {
  const silent = await startFaultServer(t, () => undefined);
  const signal = AbortSignal.timeout(100);
  const began = performance.now();
  const error = await failure(
    t,
    fetch(client(t, { timeoutMs: 60_000 }), silent.origin, { range: FIRST_TEN, signal }),
  );
  t.is(error.code, 'INTERRUPTED');
  t.true(performance.now() - began < 2_000);
});

// S41
test('a redirect is remembered for reads of a known version, and followed anew by who asks what there is now', async (t) => {
  let leadsTo = '/one';
  const server = await startFaultServer(t, (request, response) => {
    if (request.url === '/latest') return response.writeHead(302, { location: leadsTo }).end();
    return partial(request, response, { etag: `"${request.url?.slice(1)}"` });
  });
  const http = client(t);
  const asked = (): number => server.requests.filter(({ url }) => url === '/latest').length;
  const latest = new Request(`${server.origin}/latest`);
  const one = await http.getMetadata(latest);
  one.response?.cancel();
  t.is(one.etag, '"one"');
  leadsTo = '/two';
  const pinned = { range: FIRST_TEN, pin: { etag: '"one"' } };
  t.is(await fetch(http, latest.url.href, pinned), '0123456789');
  t.is(asked(), 1);
  t.true(await http.isExpired(latest, { etag: '"one"' }));
  const two = await http.getMetadata(latest);
  two.response?.cancel();
  t.is(two.etag, '"two"');
  t.is((await failure(t, fetch(http, latest.url.href, pinned))).code, 'CHANGED');
});

for (const [title, die] of [
  ['that refuses connections', async ({ close }) => await close()],
  ['that closes them', ({ answerWith }) => answerWith((_request, response) => response.destroy())],
  ['that answers 503', ({ answerWith }) => answerWith((_request, response) => response.writeHead(503).end())],
  ['that is silent', ({ answerWith }) => answerWith(() => undefined)],
] as const satisfies readonly (readonly [string, (target: Target) => unknown])[]) {
  // S41
  test(`a redirect's target ${title} is requested anew at the origin, and the version checked`, async (t) => {
    const [first, second] = [await startTarget(t), await startTarget(t)];
    let target = first.origin;
    const server = await startFaultServer(t, (_request, response) =>
      response.writeHead(302, { location: target }).end(),
    );
    const http = client(t, { retries: 0 });
    (await http.getMetadata(new Request(server.origin))).response?.cancel();
    await die(first);
    target = second.origin;
    const pinned = { range: FIRST_TEN, pin: { etag: '"one"' } };
    t.is(await fetch(http, server.origin, pinned), '0123456789');
    t.is(server.requests.length, 2);
    // From now on the new one is remembered.
    t.is(await fetch(http, server.origin, pinned), '0123456789');
    t.is(server.requests.length, 2);
    const other = { range: FIRST_TEN, pin: { etag: '"two"' } };
    t.is((await failure(t, fetch(http, server.origin, other))).code, 'CHANGED');
  });
}

type Answerer = Parameters<typeof startFaultServer>[1];

interface Target {
  readonly origin: string;
  readonly answerWith: (answer: Answerer) => void;
  readonly close: () => Promise<void>;
}

async function startTarget(t: ExecutionContext): Promise<Target> {
  let answerNow: Answerer = (request, response) => partial(request, response);
  const { origin, close } = await startFaultServer(t, (request, response, count) =>
    answerNow(request, response, count),
  );
  return {
    origin,
    close,
    answerWith: (answer) => {
      answerNow = answer;
    },
  };
}

// S68
test('a redirect elsewhere than http, and a loop, are refused', async (t) => {
  const file = await startFaultServer(t, (_request, response) =>
    response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  );
  t.is((await failure(t, fetch(client(t), file.origin))).code, 'PROTOCOL');
  const loop = await startFaultServer(t, (_request, response) =>
    response.writeHead(302, { location: '/x' }).end(),
  );
  t.is((await failure(t, fetch(client(t), `${loop.origin}/y`))).code, 'PROTOCOL');
  // The first, and ten redirects.
  t.is(loop.requests.length, 11);
});

test('an empty file that answers 416 is found, and a redirect to itself with a slash is a directory', async (t) => {
  const server = await startFaultServer(t, (request, response) => {
    if (request.url === '/dir') return response.writeHead(301, { location: '/dir/' }).end();
    if (request.headers.range !== undefined)
      return response.writeHead(416, { 'content-range': 'bytes */0' }).end();
    return response.writeHead(200, { 'content-length': '0', etag: '"empty"' }).end();
  });
  const empty = await client(t).getMetadata(new Request(`${server.origin}/empty`));
  t.like(empty, { kind: 'file', contentLength: 0, etag: '"empty"' });
  t.is((await client(t).getMetadata(new Request(`${server.origin}/dir`))).kind, 'directory');
});

// S37
test('a known version is requested conditionally', async (t) => {
  const server = await startFaultServer(t, (request, response) =>
    request.headers['if-none-match'] === '"one"' ? response.writeHead(304).end() : partial(request, response),
  );
  const http = client(t);
  t.false(await http.isExpired(new Request(server.origin), { etag: '"one"' }));
  t.true(await http.isExpired(new Request(server.origin), { etag: '"zero"' }));
  t.true(await http.isExpired(new Request(server.origin), {}));
  t.is(server.requests.length, 2);
});
