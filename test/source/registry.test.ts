import { setImmediate as nextTurn } from 'node:timers/promises';

import test from 'ava';

import { createDfsClient } from '../../src/source/dfs/dfs-client.js';
import { newResponse, Request, type ResourceClient, SourceError } from '../../src/source/index.js';
import { LazyClient } from '../../src/source/lazy-client.js';
import { ClientRegistry } from '../../src/source/registry.js';
import type { SourceClient, SourceContext, SourceFactory } from '../../src/source/source.js';
import { validatingClient } from '../../src/source/validating-client.js';

const REQUEST = new Request('dfs://host/x');

test('schemes are case-insensitive, the same client twice is a no-op, another one an error', async (t) => {
  const registry = new ClientRegistry();
  const client = createDfsClient();
  registry.register('DFS', client);
  registry.register('dfs', client);
  t.deepEqual(registry.listClients(), ['dfs']);
  t.throws(() => registry.register('Dfs', createDfsClient()), {
    message: /client with scheme dfs already exist/,
  });
  t.is(await (await registry.getClient('dFs')).getContentLength(REQUEST), 11);
  const empty = new ClientRegistry();
  t.like(await t.throwsAsync(empty.getClient('dfs')), { code: 'NO_CLIENT' });
});

test('a missing scheme is looked for in the plugins, whose failure is reported', async (t) => {
  const registry = new ClientRegistry({
    refresh: () => Promise.resolve(),
    listSchemes: () => ['late', 'bad'],
    clientFor: async (scheme) => {
      if (scheme === 'bad') throw new Error('does not load');
      return scheme === 'late' ? createDfsClient() : undefined;
    },
    describe: () => undefined,
    countersOf: () => undefined,
  });
  registry.register('dfs', createDfsClient());
  t.true(await registry.isServed('late'));
  t.false(await registry.isServed('none'));
  t.is(await (await registry.getClient('LATE')).getContentLength(REQUEST), 11);
  t.like(await t.throwsAsync(registry.getClient('none')), { code: 'NO_CLIENT' });
  const error = await t.throwsAsync(registry.getClient('bad'));
  t.like(error, { code: 'CLIENT_FAULT', url: 'bad://', found: 'does not load' });
  t.like(error.cause, { message: 'does not load' });
  t.deepEqual(registry.listClients(), ['bad', 'dfs', 'late']);
});

test('calls are counted, and a description stays as it is for a moment', async (t) => {
  const registry = new ClientRegistry();
  registry.register('dfs', createDfsClient());
  const client = await registry.getClient('dfs');
  await client.getContentLength(REQUEST);
  t.deepEqual(registry.describe('dfs')?.counters, { calls: 1, failures: 0 });
  await client.getContentLength(REQUEST);
  t.deepEqual(registry.describe('dfs')?.counters, { calls: 1, failures: 0 }, 'within the moment');
  await t.throwsAsync(client.isExpired(REQUEST, {}));
  t.deepEqual(registry.describe('dfs')?.counters, { calls: 3, failures: 1 }, 'the last error is news');
});

test('adapter and hooks run, and may be absent', async (t) => {
  const seen: string[] = [];
  const registry = new ClientRegistry();
  registry.register('plain', createDfsClient());
  registry.register('dfs', createDfsClient(), {
    adapter: (request) => request.with({ url: 'dfs://host/adapted' }),
    hooks: [
      {
        beforeRequest: (request) => void seen.push(`before ${request.url.pathname}`),
        afterResponse: (response) => void seen.push(`after ${response.status}`),
      },
    ],
  });
  (await (await registry.getClient('plain')).download(REQUEST)).cancel();
  (await (await registry.getClient('dfs')).download(REQUEST)).cancel();
  t.deepEqual(seen, ['before /adapted', 'after 200']);
});

test('five methods are enough, two of which may throw', async (t) => {
  const registry = new ClientRegistry();
  registry.register('dfs', createDfsClient());
  const client = await registry.getClient('dfs');
  t.deepEqual(await client.getMetadata(REQUEST), {
    kind: 'file',
    contentLength: 11,
    supportRange: false,
    lastModified: -1,
  });
  t.like(await t.throwsAsync(client.list(REQUEST)), { code: 'LIST_NOT_SUPPORTED' });
  t.like(await t.throwsAsync(client.isExpired(REQUEST, {})), { code: 'CLIENT_FAULT' });
  t.regex(String(registry.describe('dfs')?.lastError), /isExpired failed/);
});

test('faults of a client are CLIENT_FAULT, its own errors pass, and an abort ends any call', async (t) => {
  const broken = {
    getContentLength: () => Promise.resolve('eleven'),
    isSupportRange: () => {
      throw new Error('sync');
    },
    isExpired: () => Promise.resolve(1),
    download: () => new Promise(() => undefined),
    getLastModified: () => Promise.reject(new SourceError('BUSY', 'busy', 'x://y')),
  } as unknown as ResourceClient;
  const registry = new ClientRegistry();
  registry.register('broken', broken);
  const client = await registry.getClient('broken');
  t.like(await t.throwsAsync(client.getContentLength(REQUEST)), { code: 'CLIENT_FAULT' });
  t.like(await t.throwsAsync(client.isSupportRange(REQUEST)), { code: 'CLIENT_FAULT' });
  t.like(await t.throwsAsync(client.isExpired(REQUEST, {})), { code: 'CLIENT_FAULT' });
  t.like(await t.throwsAsync(client.getLastModified(REQUEST)), { code: 'BUSY' });
  const controller = new AbortController();
  const download = client.download(REQUEST.with({ signal: controller.signal }));
  controller.abort();
  t.like(await t.throwsAsync(download), { code: 'INTERRUPTED' });
});

test('a response has the defaults of Dragonfly', (t) => {
  const response = newResponse((async function* () {})());
  t.like(response, { status: 200, statusText: 'OK', contentLength: -1, temporary: true });
  t.notThrows(() => response.validate());
});

function factoryOf(create: () => Promise<SourceClient>): SourceFactory {
  const capabilities = { isHierarchical: true };
  return { schemes: ['one', 'two'], capabilities, create };
}

const contextFor = (scheme: string): SourceContext => ({ scheme }) as unknown as SourceContext;

test('a factory makes one client for a scheme, when that is first used', async (t) => {
  const registry = new ClientRegistry();
  let created = 0;
  let closed = 0;
  const client = { ...createDfsClient(), close: async () => void (closed += 1) };
  const factory = factoryOf(async () => {
    created += 1;
    await nextTurn();
    return client;
  });
  registry.registerFactory(factory, contextFor);
  registry.registerFactory(factory, contextFor);
  t.throws(() => registry.register('two', createDfsClient()), { message: /two already exist/ });
  t.deepEqual(registry.listClients(), ['one', 'two']);
  t.like(registry.describe('one'), { location: 'in-tree', state: 'registered' });
  t.true(registry.capabilitiesOf('ONE').isHierarchical);
  t.false(registry.capabilitiesOf('none').isHierarchical);
  t.is(created, 0);
  const clients = await Promise.all([1, 2, 3].map(() => registry.getClient('one')));
  t.is(new Set(clients).size, 1);
  t.is(created, 1);
  t.is(registry.describe('one')?.state, 'loaded');
  await registry.close();
  t.is(closed, 1, 'what was not loaded is not closed');
});

test('a source that cannot be loaded is an error of all its calls, for a second', async (t) => {
  const failures: unknown[] = [new SourceError('NOT_CONFIGURED', 'no endpoint', 'x://'), new Error('import')];
  let loads = 0;
  let nowMs = 0;
  const lazy = new LazyClient(
    'x',
    async () => {
      loads += 1;
      if (failures.length > 0) throw failures.shift();
      return { client: validatingClient(createDfsClient()) };
    },
    () => nowMs,
  );
  const seen = await Promise.all([1, 2].map(() => t.throwsAsync(lazy.get())));
  for (const error of seen) t.like(error, { code: 'NOT_CONFIGURED' });
  nowMs = 999;
  t.like(await t.throwsAsync(lazy.get()), { code: 'NOT_CONFIGURED' });
  t.is(loads, 1);
  nowMs = 1_000;
  t.like(await t.throwsAsync(lazy.get()), { code: 'CLIENT_FAULT', found: 'import' });
  t.is(lazy.state, 'failed');
  t.regex(String(lazy.failure?.message), /source for scheme x cannot be used/);
  nowMs = 2_000;
  t.is(await (await lazy.get()).getContentLength(REQUEST), 11);
  t.is(lazy.state, 'loaded');
  t.is(lazy.failure, undefined);
});
