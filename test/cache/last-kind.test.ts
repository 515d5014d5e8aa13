/** What metadata says of a resource after its TTL, and after it was invalidated. */
import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { type FaultServer, startFaultServer } from '../support/fault-server.js';

const TYPES: Readonly<Record<string, string>> = {
  '/api': 'application/json',
  '/file': 'application/octet-stream',
};

interface Fixture {
  readonly cache: CachedResources;
  readonly server: FaultServer;
  /** Of all that the server has. */
  etag: string;
  nowMs: number;
}

async function start(t: ExecutionContext): Promise<Fixture> {
  const server = await startFaultServer(t, ({ url = '', headers }, response) => {
    const type = TYPES[url];
    const isOther = headers['if-match'] !== undefined && headers['if-match'] !== fixture.etag;
    if (type === undefined) return response.writeHead(404).end();
    if (isOther) return response.writeHead(412).end();
    return response.writeHead(200, { 'content-type': type, etag: fixture.etag }).end('content');
  });
  const http = createHttpClient({ retries: 0 });
  t.teardown(() => http.close());
  const client = validatingClient(http);
  const cache = new CachedResources(
    { metadataTtlMs: 1_000, negativeTtlMs: 1_000 },
    {
      clientFor: async () => client,
      budget: MetadataBudget.beside(0),
      log: pino({ level: 'silent' }),
      now: () => fixture.nowMs,
    },
  );
  t.teardown(() => cache.close());
  const fixture: Fixture = { cache, server, etag: '"1"', nowMs: 0 };
  return fixture;
}

test('the last kind of a resource outlives its TTL', async (t) => {
  const fixture = await start(t);
  const { cache, server } = fixture;
  const kindOf = (path: string): string | undefined => cache.lastKind(server.origin + path);
  t.is(kindOf('/api'), undefined, 'never queried');
  for (const path of ['/api', '/file']) await cache.stat(server.origin + path);
  await t.throwsAsync(cache.stat(`${server.origin}/missing`), { code: 'NOT_FOUND' });
  for (const nowMs of [0, 1_000_000]) {
    fixture.nowMs = nowMs;
    t.deepEqual([kindOf('/api'), kindOf('/file'), kindOf('/missing')], ['page', 'file', undefined]);
  }
});

test('what is cached of a file is known after its TTL, and nothing of a page that is missing', async (t) => {
  const fixture = await start(t);
  const { cache, server } = fixture;
  const url = `${server.origin}/file`;
  const file = await cache.open(url);
  t.is(await file.read(0, 100, (pieces) => Buffer.concat(pieces).toString()), 'content');
  fixture.nowMs = 1_000_000;
  t.is(await cache.cachedBytes(url), 7);
  await t.throwsAsync(cache.stat(`${server.origin}/missing`), { code: 'NOT_FOUND' });
  t.is(await cache.cachedBytes(`${server.origin}/missing`), 0);
  file.close();
});
