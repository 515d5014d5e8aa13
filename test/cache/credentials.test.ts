/** What was fetched with credentials is there for those alone who have them. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { composeSources } from '../../bin/compose-sources.js';
import { configuredCredentials } from '../../bin/credentials.js';
import { LiveConfiguration } from '../../bin/config/live-configuration.js';
import { configurationOf } from '../../bin/config/configuration.js';
import type { MountOptions } from '../../bin/config/options.js';
import { SourceRules } from '../../src/source/source-rules.js';
import type { HeaderOption } from '../../bin/header-option.js';
import type { PluginOptionValue } from '../../bin/plugin-options.js';
import type { CredentialsFor } from '../../src/cache/disk/credential-scope.js';
import { listAll } from '../support/list-all.js';
import { DEFAULT_MOUNT_OPTIONS } from '../support/default-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { loadCredentialKey } from '../../src/cache/disk/credential-key.js';
import { CREDENTIAL_KEY_NAME, LAYOUT_DIRECTORY } from '../../src/cache/disk/layout.js';
import { startFaultServer } from '../support/fault-server.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';
import { opened, openStore, Sample, storeFiles, storeFor, write } from './disk-store-support.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const SECRET = 'Bearer hunter2';
const CONTENT = Buffer.alloc(100_000, 'content ');
const LOG = pino({ level: 'silent' });

interface Site {
  readonly origin: string;
  readonly url: string;
  /** `closed`: it takes connections and answers none. */
  state: 'open' | 'public' | 'forbidden' | 'closed';
  requests: number;
}

/** A file for who sends the secret. */
async function startSite(t: ExecutionContext): Promise<Site> {
  const server = await startFaultServer(t, (request, response) => {
    site.requests += 1;
    if (site.state === 'closed') return request.destroy();
    const mayRead = site.state === 'public' || request.headers.authorization === SECRET;
    if (site.state === 'forbidden' || !mayRead) {
      return response.writeHead(403).end();
    }
    if (request.url?.endsWith('/') === true) {
      return response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('[{"name":"file","type":"file"}]');
    }
    const [, first = 0, last = CONTENT.length] =
      /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')?.map(Number) ?? [];
    const end = Math.min(last + 1, CONTENT.length);
    const head = { etag: '"1"', 'content-range': `bytes ${first}-${end - 1}/${CONTENT.length}` };
    return response.writeHead(206, head).end(CONTENT.subarray(first, end));
  });
  const site: Site = { origin: server.origin, url: `${server.origin}/file`, state: 'open', requests: 0 };
  return site;
}

type Given = Partial<
  Pick<MountOptions, 'header' | 'offline' | 'metadataTtl' | 'pluginOption' | 'allowOther' | 'allowAddress'>
>;

interface Run {
  readonly cache: CachedResources;
  readonly disk: DiskCache;
  readonly end: () => Promise<void>;
}

/** One mount's sources and caches. */
async function start(t: ExecutionContext, directory: string, given: Given): Promise<Run> {
  const options: MountOptions = { ...DEFAULT_MOUNT_OPTIONS, timeout: 2_000, retries: 0, ...given };
  const { clientFor, credentialsFor, close } = composeSources(
    new LiveConfiguration(configurationOf(options)),
    LOG,
  );
  const disk = await openStore(directory, { credentialsFor, blockBytes: 32 * 1024 });
  const cache = new CachedResources(
    {
      metadataTtlMs: given.metadataTtl ?? 0,
      negativeTtlMs: 0,
      staleIfErrorMs: options.offline ? Infinity : options.staleIfError,
    },
    { clientFor, budget: MetadataBudget.beside(0), log: LOG, disk },
  );
  let ending: Promise<void> | undefined;
  const end = (): Promise<void> => (ending ??= cache.close().then(close));
  t.teardown(end);
  return { cache, disk, end };
}

const withSecret = ({ origin }: Site, value = SECRET): Given => ({
  header: [{ origin, name: 'Authorization', value }],
});

async function read({ cache }: Run, url: string, length = CONTENT.length): Promise<Buffer> {
  const file = await cache.open(url);
  try {
    return await file.read(0, length, (pieces) => Buffer.concat(pieces));
  } finally {
    file.close();
  }
}

async function code(t: ExecutionContext, run: Run, url: string, length?: number): Promise<unknown> {
  const error = await t.throwsAsync(read(run, url, length));
  return error !== undefined && 'code' in error ? error.code : error;
}

/** Reads the file with the secret, so that it is on disk. */
async function storedSite(t: ExecutionContext): Promise<{ site: Site; directory: string }> {
  const [site, directory] = [await startSite(t), await temporaryDirectory(t)];
  const first = await start(t, directory, withSecret(site));
  t.true((await read(first, site.url)).equals(CONTENT));
  await first.end();
  return { site, directory };
}

// S60
test('what was fetched with credentials is not there without them', async (t) => {
  const { site, directory } = await storedSite(t);
  for (const given of [
    {},
    withSecret(site, 'Bearer other'),
    withSecret({ ...site, origin: 'https://host' }),
  ]) {
    const online = await start(t, directory, given);
    t.is(await code(t, online, site.url), 'ACCESS_DENIED');
    site.state = 'closed';
    t.is(await code(t, online, site.url), 'CONNECTION_LOST');
    await online.end();
    site.state = 'open';
    const offline = await start(t, directory, { ...given, offline: true });
    t.is(await code(t, offline, site.url), 'NETWORK_UNREACHABLE');
    await offline.end();
  }
  const again = await start(t, directory, { ...withSecret(site), offline: true });
  t.true((await read(again, site.url)).equals(CONTENT));
});

// S62
test('what is forbidden by now is not served once the source cannot be queried, nor by a later mount', async (t) => {
  const { site, directory } = await storedSite(t);
  const mount = await start(t, directory, withSecret(site));
  t.true((await read(mount, site.url)).equals(CONTENT));
  site.state = 'closed';
  t.true((await read(mount, site.url)).equals(CONTENT), 'a failing source is served from the cache');
  site.state = 'forbidden';
  t.is(await code(t, mount, site.url), 'ACCESS_DENIED');
  site.state = 'closed';
  t.is(await code(t, mount, site.url), 'CONNECTION_LOST');
  await mount.end();
  const offline = await start(t, directory, { ...withSecret(site), offline: true });
  t.is(await code(t, offline, site.url), 'NETWORK_UNREACHABLE');
  await offline.end();
  site.state = 'open';
  t.true((await read(await start(t, directory, withSecret(site)), site.url)).equals(CONTENT));
});

test('a read that is forbidden voids what is stored too', async (t) => {
  const [site, directory] = [await startSite(t), await temporaryDirectory(t)];
  const mount = await start(t, directory, { ...withSecret(site), metadataTtl: 60_000 });
  const file = await mount.cache.open(site.url);
  await file.read(0, 1, () => undefined);
  await until('it is stored', async () => (await mount.disk.newest(site.url)) !== undefined);
  site.state = 'forbidden';
  await t.throwsAsync(
    file.read(99_000, 10, () => undefined),
    { code: 'ACCESS_DENIED' },
  );
  file.close();
  site.state = 'closed';
  t.is(await code(t, mount, site.url, 1), 'CONNECTION_LOST');
  await mount.end();
  const offline = await start(t, directory, { ...withSecret(site), offline: true });
  t.is(await code(t, offline, site.url, 1), 'NETWORK_UNREACHABLE');
});

test('a listing that is forbidden by now is not served once the source cannot be queried', async (t) => {
  const [site, directory] = [await startSite(t), await temporaryDirectory(t)];
  const { cache } = await start(t, directory, withSecret(site));
  t.is((await listAll(cache, site.origin)).length, 1);
  site.state = 'closed';
  t.is((await listAll(cache, site.origin)).length, 1);
  site.state = 'forbidden';
  await t.throwsAsync(listAll(cache, site.origin), { code: 'ACCESS_DENIED' });
  site.state = 'closed';
  await t.throwsAsync(listAll(cache, site.origin), { code: 'CONNECTION_LOST' });
});

// S61
test("what a redirect fetched with another origin's credentials is not stored", async (t) => {
  const [site, directory] = [await startSite(t), await temporaryDirectory(t)];
  const middle = await startFaultServer(t, (_, response) =>
    response.writeHead(302, { location: site.url }).end(),
  );
  const url = `${middle.origin}/public`;
  const first = await start(t, directory, withSecret(site));
  t.true((await read(first, url)).equals(CONTENT));
  await first.end();
  t.deepEqual(storeFiles(directory), []);
  t.is(await code(t, await start(t, directory, { offline: true }), url), 'NETWORK_UNREACHABLE');
});

test('neither names nor files reveal credentials, and guesses need the key', async (t) => {
  const { site, directory } = await storedSite(t);
  const root = join(directory, LAYOUT_DIRECTORY);
  const key = join(root, CREDENTIAL_KEY_NAME);
  t.is(statSync(key).mode & 0o777, 0o600);
  t.deepEqual(
    readdirSync(root).filter((name) => name.length > 2),
    ['key', 'lock'],
  );
  for (const file of storeFiles(directory)) t.false(readFileSync(file).includes('hunter2'));
  const elsewhere = await temporaryDirectory(t);
  const other = await start(t, elsewhere, withSecret(site));
  await read(other, site.url);
  await other.end();
  const names = (from: string): string[] => storeFiles(from).map((file) => file.slice(from.length));
  t.is(names(elsewhere).length, 2);
  t.notDeepEqual(names(elsewhere), names(directory));
  t.deepEqual(names(elsewhere).length, names(directory).length);
});

test('a damaged key is replaced: what was stored with it is not there any more', async (t) => {
  const { site, directory } = await storedSite(t);
  const key = join(directory, LAYOUT_DIRECTORY, CREDENTIAL_KEY_NAME);
  writeFileSync(key, 'short');
  const offline = await start(t, directory, { ...withSecret(site), offline: true });
  t.is(await code(t, offline, site.url), 'NETWORK_UNREACHABLE');
  await offline.end();
  t.is(readFileSync(key).length, 32);
  t.true((await read(await start(t, directory, withSecret(site)), site.url)).equals(CONTENT));
});

test('what a process left that ended while it made a key is removed', async (t) => {
  const root = await temporaryDirectory(t);
  for (const name of ['key.0123456789abcdef', 'key.else']) writeFileSync(join(root, name), 'x');
  const key = await loadCredentialKey(root);
  t.deepEqual(readdirSync(root), ['key', 'key.else']);
  writeFileSync(join(root, 'key.0123456789abcdef'), 'x');
  t.deepEqual(await loadCredentialKey(root), key);
  t.deepEqual(readdirSync(root), ['key', 'key.else']);
});

test('a key is made where there are no hard links', async (t) => {
  for (const code of ['EPERM', 'ENOTSUP']) {
    const root = await temporaryDirectory(t);
    const key = await loadCredentialKey(root, async () => {
      throw Object.assign(new Error(code), { code });
    });
    t.deepEqual(readdirSync(root), ['key']);
    t.deepEqual(await loadCredentialKey(root), key);
  }
});

test('two stores that begin at once have the same key', async (t) => {
  const directory = await temporaryDirectory(t);
  const credentialsFor = (): string => 'secret';
  const stores = await Promise.all(
    Array.from({ length: 8 }, () => storeFor(t, directory, { credentialsFor })),
  );
  const sample = new Sample('a', 10);
  for (const store of stores) {
    const version = await opened(store, sample);
    await write(version, 0, sample.blocks(0, 1));
    version.close();
  }
  for (const store of stores) t.truthy(await store.newest(sample.key.resource));
  t.is(storeFiles(directory).length, 2);
});

// S60
test('credentials are all headers for the origin, and all options of the plugin, in any order', (t) => {
  const textFor = (given: Partial<MountOptions>): CredentialsFor => {
    const configuration = configurationOf({ ...DEFAULT_MOUNT_OPTIONS, ...given });
    return configuredCredentials(configuration, new SourceRules(configuration.rules));
  };
  const header = (origin: string, name: string, value: string): HeaderOption => ({ origin, name, value });
  const option = (name: string, key: string, value: string): PluginOptionValue => ({ name, key, value });
  const text = textFor({
    header: [
      header('https://a', 'Cookie', 'x'),
      header('https://a', 'X-B', 'y'),
      header('https://b', 'x-b', 'y'),
      header('https://b', 'cookie', 'x'),
    ],
    pluginOption: [option('p', 'key', 'k'), option('p', 'id', 'i')],
  });
  const other = textFor({ pluginOption: [option('p', 'id', 'i'), option('p', 'key', 'k')] });
  t.is(text('https://c/file'), undefined);
  t.truthy(text('https://a/file'));
  t.is(text('https://a/file'), text('https://b/file'));
  t.truthy(text('p://bucket/file'));
  t.is(text('p://bucket/file'), other('p://bucket/other'));
  t.is(other('q://bucket/file'), undefined);
  t.is(textFor({})('https://a/file'), undefined);
  t.truthy(textFor({})('s3://bucket/key'), 'with what the source finds in the environment');
});

// S63
test('what was fetched from a private host that a rule names is not served by a mount without the rule', (t) => {
  const configuration = { ...configurationOf({ ...DEFAULT_MOUNT_OPTIONS, allowOther: true }) };
  const rules = [{ match: { schemes: ['http'], host: 'private' }, settings: {}, origin: '' }];
  const textOf = (own: typeof rules, url: string): string | undefined =>
    configuredCredentials(configuration, new SourceRules(own))(url);
  t.not(textOf(rules, 'http://private/x'), textOf([], 'http://private/x'));
  t.is(textOf(rules, 'http://other/x'), textOf([], 'http://other/x'));
});

// S63
test('what was fetched from an address that this mount refuses is not served from the cache', async (t) => {
  const [site, directory] = [await startSite(t), await temporaryDirectory(t)];
  // Without a header: that would name the host, which may have any address then.
  site.state = 'public';
  const shared = { allowOther: true, metadataTtl: 60_000 };
  const first = await start(t, directory, { metadataTtl: 60_000 });
  t.true((await read(first, site.url)).equals(CONTENT));
  await first.end();
  const refusing = await start(t, directory, { ...shared });
  t.is(await code(t, refusing, site.url), 'ADDRESS_REFUSED');
  await refusing.end();
  const offline = await start(t, directory, { ...shared, offline: true });
  t.is(await code(t, offline, site.url), 'NETWORK_UNREACHABLE');
  await offline.end();
  const allowing = await start(t, directory, { ...shared, allowAddress: ['127.0.0.0/8'] });
  t.true((await read(allowing, site.url)).equals(CONTENT));
  await allowing.end();
  const other = await start(t, directory, { ...shared, allowAddress: ['::1'], offline: true });
  t.is(await code(t, other, site.url), 'NETWORK_UNREACHABLE');
  const same = { allowAddress: ['127.0.0.0/8'], offline: true };
  t.true((await read(await start(t, directory, { ...shared, ...same }), site.url)).equals(CONTENT));
  t.true((await read(await start(t, directory, { offline: true }), site.url)).equals(CONTENT));
});
