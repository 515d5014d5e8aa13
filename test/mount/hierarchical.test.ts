/** Sources that know files from directories by themselves: docs/SEMANTICS.md, "Hierarchical sources". */
import { constants } from 'node:fs';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { CacheOptions } from '../../src/cache/cache-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { SourceError } from '../../src/source/index.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { FakeKernel, type SystemCallError } from '../support/fake-kernel.js';
import { TreeClient } from '../support/tree-client.js';
import { until } from '../support/until.js';

interface Fixture {
  readonly cache: CachedResources;
  readonly kernel: FakeKernel;
  readonly source: TreeClient;
  readonly clock: { ms: number };
  readonly logged: object[];
}

function start(
  t: ExecutionContext,
  files: Readonly<Record<string, string>>,
  options: Partial<CacheOptions> = {},
): Fixture {
  const source = new TreeClient(files);
  const client = validatingClient(source);
  const clock = { ms: Date.now() };
  const now = (): number => clock.ms;
  const budget = MetadataBudget.beside(256 * 1024 * 1024);
  const logged: object[] = [];
  const log = pino({ level: 'warn' }, { write: (line) => void logged.push(JSON.parse(line) as object) });
  const cache = new CachedResources(options, { clientFor: async () => client, budget, log, now });
  const vfs = new VirtualFs({
    cache,
    plugins: {
      isServed: async () => true,
      listClients: () => ['tree'],
      describe: () => undefined,
      capabilitiesOf: () => ({
        isHierarchical: true,
        queries: ['versionId'],
        hostOf: (name) => (/^[A-Za-z_]+$/.test(name) ? name : undefined),
      }),
    },
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget,
    now,
    log,
  });
  t.teardown(() => vfs.close());
  return { kernel: new FakeKernel(vfs), cache, source, clock, logged };
}

async function fails(t: ExecutionContext, work: Promise<unknown>, errno: string): Promise<void> {
  const error = await t.throwsAsync<SystemCallError>(work);
  t.is(error.errno, errno);
}

// S114 S115
test('a name is what the source says, at its lookup, for all callers', async (t) => {
  const { kernel, source } = start(t, { 'a/b/file': 'x', 'a.d/f': 'y' });
  for (const path of ['tree/B/a', 'tree/B/a/b', 'tree/B/a.d']) {
    const { isDirectory, nameTtlMs } = await kernel.lookup(path);
    t.deepEqual({ isDirectory, nameTtlMs }, { isDirectory: true, nameTtlMs: 60_000 });
  }
  t.like(await kernel.lookup('tree/B/a/b/file', 2), { isDirectory: false, nameTtlMs: 60_000 });
  t.deepEqual(source.taken(), ['stat a', 'stat a/b', 'stat a.d', 'stat a/b/file']);
  await fails(t, kernel.openToWrite('tree/B/a/b/file', 3), 'EROFS');
  await fails(t, kernel.read('tree/B/a/b'), 'EISDIR');
  await fails(t, kernel.chdir('tree/B/a/b/file'), 'ENOTDIR');
  t.is(await kernel.read('tree/B/a/b/file'), 'x');
  t.deepEqual(source.taken(), ['list a/b/'], 'the lookup brought the content, too');
});

// S114
test('what is missing is ENOENT at once', async (t) => {
  const { kernel, source } = start(t, { 'a/file': 'x' });
  await fails(t, kernel.create('tree/B/a/new'), 'EROFS');
  t.like(await kernel.lookup('tree/B/a/new.txt'), { isMissing: true, nameTtlMs: 5_000 });
  t.deepEqual(source.taken(), ['stat a', 'stat a/new', 'stat a/new.txt']);
  await fails(t, kernel.read('tree/B/missing/x'), 'ENOENT');
  await fails(t, kernel.list('tree/B/missing'), 'ENOENT');
  await fails(t, kernel.access('tree/B/missing', constants.X_OK), 'ENOENT');
  t.deepEqual(source.taken(), ['stat missing']);
});

// S114
test('a listing answers for its names, and for a moment that others are missing', async (t) => {
  const { kernel, source, clock } = start(t, { 'a/file': 'x', 'a/b/c': 'y' });
  t.deepEqual(await kernel.list('tree/B/a'), ['file', 'b']);
  source.taken();
  t.like(await kernel.lookup('tree/B/a/file'), { isDirectory: false });
  t.like(await kernel.lookup('tree/B/a/b'), { isDirectory: true });
  await fails(t, kernel.create('tree/B/a/new'), 'EROFS');
  t.like(await kernel.lookup('tree/B/a/new'), { isMissing: true, nameTtlMs: 5_000 });
  t.deepEqual(source.taken(), []);
  source.files.set('a/new', 'z');
  clock.ms += 5_000;
  t.is(await kernel.read('tree/B/a/new'), 'z');
  source.files.clear();
  clock.ms += 60_000;
  await fails(t, kernel.stat('tree/B/a'), 'ENOENT');
});

test('where several files of a directory were opened one by one, the others cost no probe', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`d/${i}`, `${i}`]));
  const { kernel, cache, source } = start(t, files);
  for (let i = 0; i < 4; i += 1) t.is(await kernel.read(`tree/B/d/${i}`), `${i}`);
  await until('the directory is listed', () => cache.listingTtlMs('tree://B/d') > 0);
  t.true(source.calls.includes('list d/'));
  source.taken();
  for (let i = 4; i < 10; i += 1) t.is(await kernel.read(`tree/B/d/${i}`), `${i}`);
  t.false(source.taken().some((call) => call.startsWith('stat')));
});

// S95
test('a listing in pages is shown whole, or is an error', async (t) => {
  const files = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [`d/${name}`, name]));
  const { kernel, source } = start(t, files);
  source.pageEntries = 2;
  let pages = 0;
  source.beforeCall = () => {
    pages += 1;
    if (pages === 3) throw new SourceError('CONNECTION_LOST', 'lost', 'tree://B');
  };
  await kernel.lookup('tree/B/d');
  await fails(t, kernel.list('tree/B/d'), 'EIO');
  t.deepEqual(await kernel.list('tree/B/d'), ['a', 'b', 'c', 'd', 'e']);
});

// S120
test('ls -l of many costs the listing, and to read one of them costs one request', async (t) => {
  const names = Array.from({ length: 9_999 }, (_, i) => `${i}`);
  const files = Object.fromEntries(names.map((name) => [`d/${name}`, name]));
  const { kernel, source } = start(t, { ...files, 'd/empty': '' });
  source.pageEntries = 1_000;
  await kernel.lookup('tree/B/d');
  source.taken();
  t.is((await kernel.list('tree/B/d')).length, 10_000);
  for (const name of names) await kernel.stat(`tree/B/d/${name}`);
  t.deepEqual(
    source.taken(),
    Array.from({ length: 10 }, () => 'list d/'),
  );
  t.is(await kernel.read('tree/B/d/4711'), '4711');
  t.regex(await kernel.getxattr('tree/B/d/4711', 'user.d7y.etag'), /^"[0-9a-f]{32}"$/);
  t.is(await kernel.read('tree/B/d/4711', 2), '4711');
  t.is(await kernel.read('tree/B/d/empty'), '');
  t.deepEqual(source.taken(), ['read d/4711 0-4']);
});

// S5 S120
test('what changed since it was listed is not read as what was listed', async (t) => {
  const { kernel, source, clock } = start(t, { 'd/f': 'old'.repeat(20_000), 'd/g': 'old', 'd/h': 'old' });
  await kernel.list('tree/B/d');
  for (const name of ['f', 'g', 'h']) source.files.set(`d/${name}`, 'newer');
  t.is(await kernel.read('tree/B/d/h'), 'newer', 'a small one is read when it is opened');
  await fails(t, kernel.read('tree/B/d/f'), 'ESTALE');
  t.is(await kernel.read('tree/B/d/f'), 'newer');
  source.files.delete('d/f');
  clock.ms += 60_000;
  await fails(t, kernel.read('tree/B/d/f'), 'ENOENT');
  source.taken();
  await kernel.list('tree/B/d');
  t.is(await kernel.read('tree/B/d/g'), 'newer');
  t.deepEqual(source.taken(), ['list d/', 'read d/g 0-5']);
  source.files.set('d/g', 'newest');
  clock.ms += 60_000;
  await kernel.list('tree/B/d');
  t.is((await kernel.stat('tree/B/d/g')).sizeBytes, 6, 'the newer listing counts');
  t.is(await kernel.read('tree/B/d/g'), 'newest');
  t.deepEqual(source.taken(), ['stat d', 'list d/', 'read d/g 0-6']);
});

test('a listed file whose source has no ranges after all is probed by the next handle', async (t) => {
  const content = 'x'.repeat(3_000_000);
  const { kernel, source } = start(t, { 'd/f': content }, { memoryBytes: 64 * 1024 * 1024 });
  source.hasRanges = false;
  await kernel.list('tree/B/d');
  t.is(await kernel.read('tree/B/d/f'), content.slice(0, 1 << 20));
  t.is(await kernel.read('tree/B/d/f', 1, 2_000_000), content.slice(2_000_000));
  source.taken();
  await kernel.read('tree/B/d/f');
  t.deepEqual(source.taken(), ['stat d/f']);
});

// S116
test('what is below a name that the source does not show can be used', async (t) => {
  const { kernel, source } = start(t, { 'a/b/file': 'x' });
  source.beforeCall = (call) => {
    if (!call.endsWith('/file') && !call.startsWith('read')) {
      throw new SourceError('ACCESS_DENIED', 'denied', 'tree://B');
    }
  };
  t.is(await kernel.read('tree/B/a/b/file'), 'x');
  await fails(t, kernel.list('tree/B/a'), 'EACCES');
  await fails(t, kernel.read('tree/B/other'), 'EACCES');
  t.is((await kernel.lookup('tree/B/a')).nameTtlMs, 0);
  source.beforeCall = () => {
    throw new SourceError('NETWORK_UNREACHABLE', 'offline', 'tree://B');
  };
  t.is(await kernel.read('tree/B/a/b/file'), 'x', 'cached');
  await fails(t, kernel.read('tree/B/a/b/other'), 'ENETUNREACH');
  source.beforeCall = () => {
    throw new SourceError('BUSY', 'busy', 'tree://B');
  };
  await fails(t, kernel.read('tree/B/else/file'), 'EAGAIN');
});

// S9 S11 S117
test('names are those of the keys, as far as a path can have them', async (t) => {
  const long = 'x'.repeat(256);
  const files = { 'd/a%3Fb': '1', 'd/a': '2', 'd/a/': '3', 'd//e': '4', 'd/./e': '5', 'd/../e': '6' };
  const { kernel, source, logged } = start(t, {
    ...files,
    [`d/${long}`]: '7',
    'd/q': '8',
    'd/q?versionId=1': '9',
  });
  source.files.delete('d/q?versionId=1');
  t.deepEqual(await kernel.list('tree/B/d'), ['a?b', 'a', 'q']);
  t.is(await kernel.read('tree/B/d/a?b'), '1');
  t.is(await kernel.read('tree/B/d/a%3Fb'), '1');
  t.true((await kernel.stat('tree/B/d/a')).isDirectory, 'a directory hides the key of the same name');
  source.files.set('d/q?versionId=1', '9');
  t.is(await kernel.read('tree/B/d/q?versionId=1'), '9');
  t.is(await kernel.read('tree/B/d/q'), '8');
  await kernel.list('tree/B/d');
  await fails(t, kernel.stat(`tree/B/d/${long}`), 'ENAMETOOLONG');
  await fails(t, kernel.stat('tree/no-host/d'), 'ENOENT');
  t.is(logged.length, 1);
  t.like(logged[0], { url: 'tree://B/d', names: 4 });
});
