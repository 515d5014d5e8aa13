/** What a name is: docs/SEMANTICS.md, "File or directory". */
import { constants } from 'node:fs';
import { readdir } from 'node:fs/promises';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import type { CacheOptions } from '../../src/cache/cache-options.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { offlineClient } from '../../src/source/offline-client.js';
import type { CompleteClient } from '../../src/source/resource-client.js';
import { FakeKernel, type SystemCallError } from '../support/fake-kernel.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { type FaultServer, startFaultServer } from '../support/fault-server.js';

interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body?: string;
  /** Default: one of the body. */
  readonly etag?: string | undefined;
}

interface Fixture {
  readonly kernel: FakeKernel;
  readonly server: FaultServer;
  /** The answers by path; anything else is a 404. */
  readonly tree: Map<string, Answer>;
  readonly clock: { ms: number };
  /** The paths that were requested since the last call. */
  readonly requested: () => string[];
  /** A path in the mount. */
  readonly at: (path: string) => string;
}

interface Settings extends CacheOptions {
  readonly source: CompleteClient;
  readonly checksPermissions: boolean;
}

const PLAIN = { type: 'application/octet-stream' };
const PAGE = { type: 'text/html; charset=utf-8' };

async function start(
  t: ExecutionContext,
  answers: Readonly<Record<string, Answer>>,
  { source, checksPermissions = false, ...options }: Partial<Settings> = {},
): Promise<Fixture> {
  const tree = new Map(Object.entries(answers));
  const server = await startFaultServer(t, ({ url = '' }, response) => {
    const answer = tree.get(url) ?? { status: 404 };
    const { status = 200, type, body = url } = answer;
    const etag = 'etag' in answer ? answer.etag : `"${body}"`;
    response.writeHead(status, {
      ...(type === undefined ? {} : { 'content-type': type }),
      ...(etag === undefined || status !== 200 ? {} : { etag }),
      'content-length': status === 200 ? body.length : 0,
    });
    response.end(status === 200 ? body : '');
  });
  const client = createHttpClient({ retries: 0 });
  const validating = source ?? validatingClient(client);
  const clock = { ms: Date.now() };
  const now = (): number => clock.ms;
  const budget = MetadataBudget.beside(0);
  const cache = new CachedResources(options, {
    clientFor: async () => validating,
    budget,
    log: pino({ level: 'silent' }),
    now,
  });
  const vfs = new VirtualFs({
    cache,
    plugins: { isServed: async () => true, listClients: () => ['http'], describe: () => undefined },
    ownership: { uid: 0, gid: 0, umask: 0 },
    checksPermissions,
    budget,
    now,
  });
  t.teardown(async () => {
    await vfs.close();
    await client.close();
  });
  let seen = 0;
  return {
    kernel: new FakeKernel(vfs, checksPermissions),
    server,
    tree,
    clock,
    requested: () => server.requests.slice(seen, (seen = server.requests.length)).map(({ url = '' }) => url),
    at: (path) => `http/${server.origin.slice('http://'.length)}${path}`,
  };
}

async function fails(t: ExecutionContext, work: Promise<unknown>, errno: string): Promise<void> {
  const error = await t.throwsAsync<SystemCallError>(work);
  t.is(error.errno, errno);
}

function index(...names: readonly string[]): Answer {
  const links = names.map((name) => `<a href="${name}">${name}</a>`);
  return { ...PAGE, body: `<title>Index of /</title>${links.join('\n')}` };
}

// S18 S21
test('a file five levels deep costs one request', async (t) => {
  const { kernel, at, requested } = await start(t, {
    '/a/b/c/d/e.bin': PLAIN,
    '/a/b/c/d/e': PLAIN,
    '/a/v1.2/c/1.0.3/e.bin': PLAIN,
  });
  for (const path of ['/a/b/c/d/e.bin', '/a/b/c/d/e', '/a/v1.2/c/1.0.3/e.bin']) {
    t.is(await kernel.read(at(path)), path);
    t.deepEqual(requested(), [path]);
  }
});

test('a directory whose name looks like a file is queried once, and can be walked through', async (t) => {
  for (const answer of [{ status: 404 }, { status: 403 }, { status: 400 }, PAGE]) {
    const file = '/owner/next.js/archive/f.tgz';
    const { kernel, at, requested } = await start(t, { '/owner/next.js': answer, [file]: PLAIN });
    t.is(await kernel.read(at(file)), file);
    t.deepEqual(requested(), ['/owner/next.js', file]);
    t.is(await kernel.read(at(file)), file);
    t.deepEqual(requested(), []);
  }
});

// S18
test('a name with an extension has its type at once', async (t) => {
  const { kernel, at, requested } = await start(t, { '/x/data.db': PLAIN });
  await fails(t, kernel.openToWrite(at('/x/data.db')), 'EROFS');
  t.is(await kernel.read(at('/x/data.db')), '/x/data.db');
  t.deepEqual(requested(), ['/x/data.db']);
});

// S19
test('a file stays a file for every caller after the TTL of its attributes', async (t) => {
  const { kernel, at, clock } = await start(t, { '/x/database': PLAIN });
  await kernel.stat(at('/x/database'), 1);
  await fails(t, kernel.openToWrite(at('/x/database'), 2), 'EROFS');
  clock.ms += 3_600_000;
  await fails(t, kernel.openToWrite(at('/x/database'), 3), 'EROFS');
  t.is(await kernel.read(at('/x/database'), 3), '/x/database');
});

// S16
test('a listed file stays a file after the TTL of the listing', async (t) => {
  const { kernel, at, clock } = await start(t, { '/x/': index('database'), '/x/database': PAGE });
  t.deepEqual(await kernel.list(at('/x')), ['database']);
  clock.ms += 3_600_000;
  await fails(t, kernel.openToWrite(at('/x/database')), 'EROFS');
});

// S21
test('a page can be read, and walked through by others at the same time', async (t) => {
  const { kernel, at } = await start(t, { '/docs': PAGE, '/docs/intro': PAGE, '/docs/intro/f': PLAIN });
  for (let pid = 1; pid <= 2; pid += 1) {
    t.is(await kernel.read(at('/docs'), pid), '/docs');
    t.is(await kernel.read(at('/docs/intro'), pid), '/docs/intro');
    t.is(await kernel.read(at('/docs/intro/f'), pid), '/docs/intro/f');
    t.false((await kernel.stat(at('/docs'), pid)).isDirectory);
  }
  kernel.beforeRetry = async () => {
    t.is(await kernel.read(at('/docs/intro/f'), 2), '/docs/intro/f');
  };
  t.is(await kernel.read(at('/docs'), 1), '/docs');
});

// S20 S22
test('a missing name is ENOENT to every system call that reaches the mount', async (t) => {
  const { kernel, at } = await start(t, {});
  for (const name of ['/x/missing', '/x/missing.txt']) {
    await fails(t, kernel.stat(at(name)), 'ENOENT');
    await fails(t, kernel.read(at(name)), 'ENOENT');
    await fails(t, kernel.getxattr(at(name), 'user.d7y.url'), 'ENOENT');
    await fails(t, kernel.getxattr(at(name), 'security.selinux'), 'ENOENT');
    await fails(t, kernel.statfs(at(name)), 'ENOENT');
    await fails(t, kernel.list(at(name)), 'ENOENT');
    await fails(t, kernel.chdir(at(name)), 'ENOENT');
    for (const mode of [constants.F_OK, constants.R_OK, constants.R_OK | constants.X_OK]) {
      await fails(t, kernel.access(at(name), mode), 'ENOENT');
    }
  }
});

// S24
test('a file cannot be executed, or entered', async (t) => {
  const { kernel, at } = await start(t, { '/x/program': PLAIN, '/x/script.sh': PLAIN });
  for (const name of ['/x/program', '/x/script.sh']) {
    await fails(t, kernel.access(at(name), constants.X_OK), 'EACCES');
    await fails(t, kernel.access(at(name), constants.R_OK | constants.X_OK), 'EACCES');
    await kernel.access(at(name), constants.R_OK);
    await fails(t, kernel.chdir(at(name)), 'ENOTDIR');
    await fails(t, kernel.list(at(name)), 'ENOTDIR');
  }
});

// S23
test('a directory that cannot be listed is empty, and can be entered and walked', async (t) => {
  const refusals: Readonly<Record<string, Answer>>[] = [
    { '/x/': { status: 403 } },
    { '/x': { status: 403 } },
    { '/x': { status: 403 }, '/x/': { status: 403 } },
    { '/x/': { body: 'no index' } },
  ];
  for (const refusal of refusals) {
    const { kernel, at } = await start(t, { ...refusal, '/x/f': PLAIN });
    await kernel.chdir(at('/x'));
    t.true((await kernel.stat(at('/x'))).isDirectory, JSON.stringify(refusal));
    t.deepEqual(await kernel.list(at('/x')), []);
    await fails(t, kernel.read(at('/x')), 'EISDIR');
    t.is(await kernel.read(at('/x/f')), '/x/f');
    t.deepEqual(await kernel.list(at('/x')), ['f']);
  }
});

test('a name with something used below it is a directory, whatever the source answers', async (t) => {
  const { kernel, at, requested } = await start(t, { '/x/y.z/f': PLAIN });
  t.is(await kernel.read(at('/x/y.z/f')), '/x/y.z/f');
  requested();
  t.true((await kernel.stat(at('/x'))).isDirectory);
  await kernel.access(at('/x'), constants.R_OK);
  await fails(t, kernel.read(at('/x/y.z')), 'EISDIR');
  requested();
  await kernel.chdir(at('/x/y.z'));
  t.deepEqual(requested(), []);
});

// S17
test('in a listed directory a name that is not listed is queried, and a 404 is final', async (t) => {
  const options = { negativeTtlMs: 2_500 };
  const { kernel, at, requested, clock } = await start(t, { '/x/': index('a'), '/x/hidden': PLAIN }, options);
  await kernel.list(at('/x'));
  requested();
  await fails(t, kernel.create(at('/x/new')), 'EROFS');
  t.deepEqual(requested(), ['/x/new']);
  const { isMissing, nameTtlMs } = await kernel.lookup(at('/x/new'));
  t.deepEqual({ isMissing, nameTtlMs }, { isMissing: true, nameTtlMs: 2_500 });
  t.false((await kernel.lookup(at('/x/hidden'))).isDirectory);
  clock.ms += 3_600_000;
  await fails(t, kernel.create(at('/x/other')), 'EROFS');
});

// S26
test('a program that looks for a free name ends, without effect on others', async (t) => {
  const { kernel, at } = await start(t, { '/x/deep/f': PLAIN });
  for (let i = 0; i < 3; i += 1) await fails(t, kernel.create(at(`/x/tmp${i}`)), 'EEXIST');
  await fails(t, kernel.create(at('/x/tmp3')), 'EROFS');
  t.like(await kernel.lookup(at('/x/tmp4'), 2), { isDirectory: true, isMissing: false, nameTtlMs: 0 });
  t.is(await kernel.read(at('/x/deep/f'), 2), '/x/deep/f');
  // Who has used something there is no such program.
  await fails(t, kernel.stat(at('/x/tmp5')), 'ENOENT');
  t.true((await kernel.lookup(at('/x/deep'))).isDirectory);
});

test('guesses that led to nothing are ENOENT once', async (t) => {
  const { kernel, at } = await start(t, { '/0/deep/f': PLAIN, '/1/deep/f': PLAIN });
  for (const pid of [0, 1]) {
    for (let i = 0; i < 3; i += 1) await fails(t, kernel.create(at(`/${pid}/tmp${i}`), pid), 'EEXIST');
    await fails(t, kernel.create(at(`/${pid}/tmp3`), pid), 'EROFS');
    t.is(await kernel.read(at(`/${pid}/deep/f`), pid), `/${pid}/deep/f`);
  }
});

test('callers who use the names that they look up are not limited', async (t) => {
  const files = Array.from({ length: 10 }, (_, i) => `/x/${i}/f`);
  const { kernel, at } = await start(t, Object.fromEntries(files.map((file) => [file, PLAIN])));
  for (const file of files) t.is(await kernel.read(at(file)), file);
  for (let i = 0; i < 10; i += 1) await fails(t, kernel.stat(at(`/y/${i}`)), 'ENOENT');
  t.true((await kernel.lookup(at('/y/next'))).isDirectory);
});

test('a retried lookup finds the file, however late it comes', async (t) => {
  const { kernel, at, clock } = await start(t, { '/file': PLAIN, '/page': PAGE });
  kernel.beforeRetry = () => {
    clock.ms += 3_600_000;
  };
  t.is(await kernel.read(at('/file')), '/file');
  t.is(await kernel.read(at('/page')), '/page');
  t.is((await kernel.stat(at('/page'))).sizeBytes, 5);
});

test('callers of another pid namespace do not end each other’s intents', async (t) => {
  const { kernel, at } = await start(t, { '/page': PAGE });
  // Another one reads it between the walks of the first.
  const readAgain = kernel.read.bind(kernel, at('/page'), 0);
  let depth = 0;
  kernel.beforeRetry = async () => {
    if (depth++ === 0) t.is(await readAgain(), '/page');
  };
  t.is(await readAgain(), '/page');
});

// S38
test('stat and open work without validators and with TTLs of 0', async (t) => {
  const { kernel, at, tree } = await start(
    t,
    { '/file': { ...PLAIN, etag: undefined }, '/page': { ...PAGE, etag: undefined } },
    { metadataTtlMs: 0, negativeTtlMs: 0 },
  );
  for (let i = 0; i < 3; i += 1) {
    for (const name of ['/file', '/page']) {
      t.is((await kernel.stat(at(name))).sizeBytes, 5);
      t.is(await kernel.read(at(name)), name);
    }
    const many = await Promise.all(Array.from({ length: 8 }, (_, pid) => kernel.read(at('/file'), pid + 1)));
    t.deepEqual(new Set(many), new Set(['/file']));
  }
  tree.set('/file', { ...PLAIN, etag: undefined, body: 'changed' });
  t.is(await kernel.read(at('/file')), 'changed');
});

// S24
test('a page can be the working directory, and an open one', async (t) => {
  const { kernel, at } = await start(t, { '/docs': PAGE, '/docs/f': PLAIN });
  const docs = await kernel.chdir(at('/docs'));
  t.true((await kernel.useWorkingDirectory(docs)).isDirectory);
  t.is(await kernel.read(at('/docs/f')), '/docs/f', 'the name is no file to the next walk');
  t.false((await kernel.stat(at('/docs'))).isDirectory);
});

test('a page that is open as a directory is one to all threads of the process', async (t) => {
  const { kernel, at } = await start(t, { '/docs': PAGE });
  const threads = (await readdir('/proc/self/task')).map(Number);
  const [first = 0, second = 0] = threads;
  t.true(threads.length > 1);
  const docs = await kernel.openDirectory(at('/docs'), first);
  t.true((await kernel.fstat(docs, second)).isDirectory);
  t.false((await kernel.stat(at('/docs'), process.ppid)).isDirectory);
});

// S25
test('a directory cannot be entered whose source does not answer', async (t) => {
  const { kernel, at, server } = await start(t, { '/known/': index('a') });
  await kernel.list(at('/known'));
  await server.close();
  await fails(t, kernel.chdir(at('/x')), 'ECONNREFUSED');
  await fails(t, kernel.chdir(at('/x.y')), 'ECONNREFUSED');
  await fails(t, kernel.list(at('/x')), 'ECONNREFUSED');
  await kernel.chdir(at('/known'));
});

// S25
test('offline, what is not cached can be walked through and entered', async (t) => {
  const { kernel, at } = await start(t, {}, { source: offlineClient() });
  await kernel.chdir(at('/x'));
  await kernel.chdir(at('/x.y'));
  await fails(t, kernel.read(at('/x/next.js/f')), 'ENETUNREACH');
});

test('a failed query at LOOKUP is not repeated to enter or open the directory', async (t) => {
  const { kernel, at, requested } = await start(t, {
    '/a.b': { status: 400 },
    '/a.b/': { status: 403 },
    '/c.d': { status: 503 },
  });
  await kernel.lookup(at('/a.b'));
  const looked = requested();
  await kernel.chdir(at('/a.b'));
  t.deepEqual(requested(), looked);
  await fails(t, kernel.list(at('/c.d')), 'EAGAIN');
  t.deepEqual(requested(), ['/c.d']);
});

test('a failed query at LOOKUP is forgotten once the directory is listed', async (t) => {
  const { kernel, at, tree } = await start(t, { '/a.b': { status: 400 }, '/a.b/': index('f') });
  const directory = await kernel.openDirectory(at('/a.b'));
  tree.set('/a.b', { status: 404 });
  // Another node: the open one is a directory.
  t.true((await kernel.useWorkingDirectory(directory)).isDirectory);
});

test('a query used on a name leaves no name in its directory', async (t) => {
  const { kernel, at } = await start(t, { '/x/search?q=a': PAGE, '/x/f': PLAIN });
  t.is(await kernel.read(at('/x/search?q=a')), '/x/search?q=a');
  t.deepEqual(await kernel.list(at('/x')), []);
  t.is(await kernel.read(at('/x/f')), '/x/f');
  t.deepEqual(await kernel.list(at('/x')), ['f']);
});

test('where the kernel checks permissions, missing names and pages can be walked through all the same', async (t) => {
  const tree = { '/a/b/c/f.bin': PLAIN, '/docs': PAGE, '/docs/intro': PAGE, '/plain': PLAIN };
  const { kernel, at, requested } = await start(t, tree, { checksPermissions: true });
  t.is(await kernel.read(at('/a/b/c/f.bin')), '/a/b/c/f.bin');
  t.deepEqual(requested(), ['/a/b/c/f.bin']);
  for (const name of ['/docs', '/docs/intro', '/docs', '/plain']) t.is(await kernel.read(at(name)), name);
  for (const name of ['/x/missing', '/x/missing.txt']) await fails(t, kernel.read(at(name)), 'ENOENT');
  await fails(t, kernel.stat(at('/x/missing.txt')), 'ENOENT');
});

test('a failed query at LOOKUP is not repeated, blocks no walk, and is forgotten', async (t) => {
  const broken = { status: 400 };
  const { kernel, at, requested, tree } = await start(t, { '/a.b': broken, '/a.b/c': PLAIN, '/c.d': broken });
  await fails(t, kernel.read(at('/c.d/missing')), 'ENOENT');
  tree.set('/c.d', PLAIN);
  t.is(await kernel.read(at('/c.d')), '/c.d');
  requested();
  await fails(t, kernel.read(at('/a.b')), 'EIO');
  const requests = requested().length;
  t.is(await kernel.read(at('/a.b/c')), '/a.b/c');
  t.is(requested().length, requests + 1);
});
