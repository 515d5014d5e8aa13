/** What a source over HTTP may say differently: how ranges are requested, what an answer covers, which version it is. */
import { createHash } from 'node:crypto';

import test, { type ExecutionContext } from 'ava';

import { createHttpResource, type HttpResource } from '../../src/source/http/create-http-resource.js';
import type { HttpDialect, TargetRequest } from '../../src/source/http/http-resource.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { IsDirectoryError, type Metadata, Request, type Response } from '../../src/source/index.js';
import { startFaultServer, startRawServer } from '../support/fault-server.js';
import { pattern } from '../support/tree.js';
import { drained } from '../support/drained.js';

const BODY = pattern(200_000);
const RANGE = { start: 1_000, end: 150_000 };

function resourceFor(
  t: ExecutionContext,
  origin: string,
  dialect: Partial<HttpDialect>,
  retries = 1,
): HttpResource {
  const engine = createHttpEngine({ timeoutMs: 2_000, retries, proxyFor: undefined });
  t.teardown(() => engine.close());
  const targetOf = ({ url }: TargetRequest): { url: URL } => ({ url: new URL(url.pathname, origin) });
  return createHttpResource(engine, { targetOf, ...dialect });
}

async function digestOf(response: Response): Promise<string> {
  const hash = createHash('sha1');
  await drained(response, (chunk) => void hash.update(chunk));
  return hash.digest('hex');
}

const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

test('a range may be parameters of the query, and a 200 the answer to it', async (t) => {
  const server = await startFaultServer(t, ({ url = '' }, response, count) => {
    const query = new URL(url, 'http://h').searchParams;
    const [offset, length] = [Number(query.get('offset')), Number(query.get('length'))];
    const part = BODY.subarray(offset, offset + length);
    response.writeHead(200, { 'content-length': part.length, etag: '"1"' });
    if (count === 1) response.write(part.subarray(0, 50_000), () => response.destroy());
    else response.end(part);
  });
  const resource = resourceFor(t, server.origin, {
    rangeRequest: ({ start, end }) => ({
      header: {},
      query: { op: 'OPEN', offset: String(start), length: String(end - start) },
    }),
    deliveryOf: ({ header }, asked = { start: 0, end: 0 }) => ({
      start: asked.start,
      end: asked.start + Number(header.get('content-length')),
      totalBytes: undefined,
    }),
    resumesBy: 'if-match',
  });
  const response = await resource.download(new Request('made-up://h/f', { range: RANGE }));
  t.is(await digestOf(response), sha1(BODY.subarray(RANGE.start, RANGE.end)));
  t.deepEqual(
    server.requests.map(({ url }) => url),
    ['/f?op=OPEN&offset=1000&length=149000', '/f?op=OPEN&offset=51000&length=99000'],
  );
  const wrong = resourceFor(t, server.origin, { deliveryOf: () => ({ start: 5, end: 10, totalBytes: 20 }) });
  const error = await t.throwsAsync(wrong.download(new Request('made-up://h/f', { range: RANGE })));
  t.like(error, { code: 'PROTOCOL', found: 'bytes [5, 10)' });
});

test('a body that broke may be resumed with If-Match, and 412 is CHANGED', async (t) => {
  for (const isChanged of [false, true]) {
    const server = await startFaultServer(t, ({ headers }, response, count) => {
      if (count > 1 && isChanged) return response.writeHead(412).end();
      const [, start = 0, last = 0] = (/(\d+)-(\d+)/.exec(headers.range ?? '') ?? []).map(Number);
      const part = BODY.subarray(start, last + 1);
      const contentRange = `bytes ${start}-${last}/${BODY.length}`;
      response.writeHead(206, {
        'content-range': contentRange,
        'content-length': part.length,
        etag: '"1"',
        'content-encoding': 'gzip',
      });
      if (count > 1) return response.end(part);
      return response.write(part.subarray(0, 50_000), () => response.destroy());
    });
    const resource = resourceFor(t, server.origin, { resumesBy: 'if-match', acceptsEncoded: true });
    const drained = digestOf(await resource.download(new Request('made-up://h/f', { range: RANGE })));
    if (isChanged) t.like(await t.throwsAsync(drained), { code: 'CHANGED', url: 'made-up://h/f' });
    else t.is(await drained, sha1(BODY.subarray(RANGE.start, RANGE.end)));
    t.like(server.requests[1]?.headers, { 'if-match': '"1"', range: 'bytes=51000-149999' });
    t.is(server.requests[1]?.headers['if-range'], undefined);
  }
});

test('where the URL names the version, what a storage behind it says is not compared', async (t) => {
  const storage = await startFaultServer(t, ({ headers }, response, count) => {
    const [, start = 0, last = 0] = (/(\d+)-(\d+)/.exec(headers.range ?? '') ?? []).map(Number);
    const part = BODY.subarray(start, last + 1);
    response.writeHead(206, {
      'content-range': `bytes ${start}-${last}/${BODY.length}`,
      'content-length': part.length,
      etag: `"of part ${count}"`,
    });
    if (count === 2) response.write(part.subarray(0, 50_000), () => response.destroy());
    else response.end(part);
  });
  const server = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: `${storage.origin}/blob`, 'x-linked-etag': '"sha"' }).end(),
  );
  const resource = resourceFor(t, server.origin, {
    rangeRequest: ({ start, end }) => ({ header: { range: `bytes=${start}-${end - 1}` } }),
    validatorsOf: () => ({}),
    metadataOf: ({ hops }, metadata) => ({ ...metadata, etag: hops[0]?.header.get('x-linked-etag') ?? '' }),
  });
  const metadata: Metadata = await resource.getMetadata(new Request('made-up://h/f'));
  metadata.response?.cancel();
  t.like(metadata, { etag: '"sha"', contentLength: BODY.length, supportRange: true });
  const pin = { etag: '"sha"', contentLength: BODY.length };
  const response = await resource.download(new Request('made-up://h/f', { range: RANGE, pin }));
  t.is(await digestOf(response), sha1(BODY.subarray(RANGE.start, RANGE.end)));
  t.is(storage.requests.length, 3);
  t.is(storage.requests[2]?.headers.range, 'bytes=51000-149999');
  const other = new Request('made-up://h/f', { range: RANGE, pin: { ...pin, contentLength: 1 } });
  t.like(await t.throwsAsync(resource.download(other)), { code: 'CHANGED' });
  t.false(await resource.isExpired(new Request('made-up://h/f'), { etag: '"sha"' }));
  t.true(await resource.isExpired(new Request('made-up://h/f'), { etag: '"other"' }));
});

test('a target that is a directory is one', async (t) => {
  const resource = resourceFor(t, 'http://127.0.0.1:1', {
    targetOf: ({ url }) => Promise.reject(new IsDirectoryError(url)),
  });
  const request = new Request('made-up://h/d');
  t.is((await resource.getMetadata(request)).kind, 'directory');
  t.true(await resource.isExpired(request, { etag: '"1"' }));
  t.like(await t.throwsAsync(resource.download(request)), { code: 'IS_DIRECTORY' });
});

test('nothing of the header of a request is sent that the dialect does not send', async (t) => {
  const server = await startRawServer(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx');
  });
  const resource = resourceFor(t, server.origin, {});
  const header = { awsSecretAccessKey: 'hunter2', 'x-dragonfly-range': '0-0' };
  (await resource.download(new Request('made-up://h/f', { header }))).cancel();
  t.notRegex(server.requests[0] ?? '', /hunter2|dragonfly/i);
});
