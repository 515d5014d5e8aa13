/** What goes by no cluster, since nodes could not know that they mean the same bytes. */
import test, { type ExecutionContext } from 'ava';

import { startFaultServer, type FaultServer } from '../support/fault-server.js';
import { contentOf, MIB, readAt, serveFile, stamped, startNode } from './support.js';

const CONTENT = stamped(17 * MIB, 5);

interface Server {
  readonly headers?: Record<string, string>;
  /** Whether a condition is compared. */
  readonly compares?: boolean;
  readonly hasRanges?: boolean;
}

/** Serves `CONTENT`, with faults. */
async function serve(
  t: ExecutionContext,
  { headers = {}, compares = true, hasRanges = true }: Server,
): Promise<FaultServer> {
  return await startFaultServer(t, (request, response) => {
    const condition = request.headers['if-match'];
    const since = request.headers['if-unmodified-since'];
    const isBogus = condition !== undefined && condition !== headers['etag'];
    const isOld = since !== undefined && Date.parse(since) < Date.parse(headers['last-modified'] ?? '');
    if (compares && (isBogus || isOld)) {
      response.writeHead(412).end();
      return;
    }
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    if (!hasRanges || first === undefined) {
      response.writeHead(200, { ...headers, 'content-length': CONTENT.length }).end(CONTENT);
      return;
    }
    const end = Math.min(Number(last) + 1, CONTENT.length);
    const range = `bytes ${first}-${end - 1}/${CONTENT.length}`;
    response.writeHead(206, { ...headers, 'content-range': range }).end(CONTENT.subarray(Number(first), end));
  });
}

const LAST_MODIFIED = { 'last-modified': 'Sun, 09 Sep 2001 01:46:40 GMT' };

const SERVERS: Record<string, Server & { readonly requests: number }> = {
  'a strong tag': { headers: { etag: '"v1"' }, requests: 1 },
  'a time': { headers: LAST_MODIFIED, requests: 1 },
  'a server that ignores If-Match': { headers: { etag: '"v1"' }, compares: false, requests: 0 },
  'a server that ignores If-Unmodified-Since': { headers: LAST_MODIFIED, compares: false, requests: 0 },
  'a weak tag': { headers: { etag: 'W/"v1"' }, requests: 0 },
  'no validator': { requests: 0 },
  'no ranges': { headers: { etag: '"v1"' }, hasRanges: false, requests: 0 },
};

// S165
for (const [name, { requests, ...server }] of Object.entries(SERVERS)) {
  test.serial(`${name}: ${requests === 1 ? 'it goes' : 'nothing goes'} by the cluster`, async (t) => {
    const { origin } = await serve(t, server);
    const node = await startNode(t);
    t.true((await contentOf(node, `${origin}/a.bin`)).equals(CONTENT));
    t.is(node.dfdaemon.requests.length, requests);
  });
}

test.serial('an origin is tested once', async (t) => {
  const { origin, requests } = await serve(t, { headers: { etag: '"v1"' } });
  const node = await startNode(t);
  for (const name of ['a', 'b', 'c']) t.true((await contentOf(node, `${origin}/${name}`)).equals(CONTENT));
  const bogus = requests.filter(({ headers }) => headers['if-match']?.includes('tests') === true);
  t.is(bogus.length, 1);
  t.is(node.dfdaemon.requests.length, 3);
});

test.serial('where an origin redirects, each URL is tested', async (t) => {
  const headers = { etag: '"v1"' };
  const [good, bad] = [await serve(t, { headers }), await serve(t, { headers, compares: false })];
  const { origin } = await startFaultServer(t, (request, response) => {
    const { origin: elsewhere } = request.url === '/good' ? good : bad;
    response.writeHead(302, { location: `${elsewhere}${request.url}` }).end();
  });
  const node = await startNode(t);
  for (const name of ['good', 'bad']) t.true((await contentOf(node, `${origin}/${name}`)).equals(CONTENT));
  t.deepEqual(
    node.dfdaemon.requests.map(({ url }) => url),
    [`${origin}/good`],
  );
});

test.serial('a small file, and what no rule names, goes by no cluster', async (t) => {
  const small = await serveFile(t, 16 * MIB - 1);
  const node = await startNode(t);
  t.true((await contentOf(node, small.url)).equals(small.content));
  t.is(node.dfdaemon.requests.length, 0);
  const large = await serveFile(t);
  const other = await startNode(t, { ruleFor: () => ({}) });
  const file = await other.cache.open(large.url);
  t.teardown(() => file.close());
  await readAt(file, 0, MIB, { readsAll: true });
  t.is(other.dfdaemon.requests.length, 0);
});
