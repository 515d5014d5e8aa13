/** `--root`: docs/SEMANTICS.md, "A mount with a root". */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { checkRoots } from '../../bin/compose-root.js';
import { CachedResources } from '../../src/cache/cached-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { mountRoot } from '../../src/mount/mount-root.js';
import { stepsUp } from '../../src/mount/path-name.js';
import { rootOptions } from '../../src/mount/root-option.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import {
  DEFAULT_CAPABILITIES,
  type SourceCapabilities,
  SourceError,
  type SourceErrorCode,
} from '../../src/source/index.js';
import type { ClientRegistry } from '../../src/source/registry.js';
import { validatingClient } from '../../src/source/validating-client.js';
import { FakeKernel, type SystemCallError } from '../support/fake-kernel.js';
import { CLI, mounted, run, shell } from '../support/mounted.js';
import { startNginx } from '../support/nginx.js';
import { temporaryDirectory } from '../support/temp.js';
import { TreeClient } from '../support/tree-client.js';

const TREE: SourceCapabilities = { isHierarchical: true, queries: ['versionId'] };
const FILES = { 'a/b/file': 'x', 'a/b/d/..;p': 'z', 'a/other': 'y', top: 't' };

function start(
  t: ExecutionContext,
  roots: readonly string[],
): { vfs: VirtualFs; kernel: FakeKernel; source: TreeClient } {
  const source = new TreeClient(FILES);
  const client = validatingClient(source);
  const budget = MetadataBudget.beside(256 * 1024 * 1024);
  const cache = new CachedResources(
    {},
    { clientFor: async () => client, budget, log: pino({ level: 'silent' }) },
  );
  const plugins = {
    isServed: async () => true,
    listClients: () => ['tree'],
    describe: () => ({}),
    capabilitiesOf: () => TREE,
  };
  const root = mountRoot(rootOptions(roots), () => TREE);
  const vfs = new VirtualFs({
    cache,
    plugins,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget,
    ...(root && { root }),
  });
  t.teardown(() => vfs.close());
  return { vfs, kernel: new FakeKernel(vfs), source };
}

async function namesIn(vfs: VirtualFs): Promise<string[]> {
  return (await vfs.listDirectory(vfs.root, { id: 1 })).map(({ name }) => name);
}

async function fails(t: ExecutionContext, work: Promise<unknown>, errno: string): Promise<void> {
  const error = await t.throwsAsync<SystemCallError>(work);
  t.is(error.errno, errno);
}

// S150
test('the root of the mount is the URL, and nothing else can be reached', async (t) => {
  const { vfs, kernel, source } = start(t, ['tree://h/a/b']);
  t.is(await kernel.read('file'), 'x');
  t.deepEqual(await namesIn(vfs), ['file', 'd']);
  t.is(Buffer.from(await vfs.getxattr(vfs.root, 'user.d7y.url', { id: 0 })).toString(), 'tree://h/a/b');
  for (const name of ['.plugins', 'tree', 'tree/h/top', 'http/h/x'])
    await fails(t, kernel.read(name), 'ENOENT');
  source.taken();
  for (const name of [
    '..%2fother',
    '%2e%2e',
    '..%5Cother',
    'x%2F..%252f..%2ftop',
    '..;a=b',
    String.raw`..\other`,
  ]) {
    await fails(t, kernel.read(name), 'EINVAL');
  }
  t.deepEqual(source.taken(), [], 'no request was sent');
  t.deepEqual(await kernel.list('d'), [], 'what cannot be used is not listed');
  const { node } = await vfs.lookup(vfs.root, 'd', { id: 1 });
  const error = await t.throwsAsync(async () => await vfs.lookup(node, '..;a', { id: 1 }));
  t.like(error, { code: 'INVALID_NAME' });
  t.like(await t.throwsAsync(vfs.open(node, { id: 1 })), { code: 'IS_A_DIRECTORY', path: '/d' });
});

// S151
test('several roots are directories, by name', async (t) => {
  const { kernel, vfs } = start(t, ['one=tree://h/a/b/', 'two=tree://g']);
  t.deepEqual(await namesIn(vfs), ['one', 'two']);
  t.is(await kernel.read('one/file'), 'x');
  t.is(await kernel.read('two/a/other'), 'y');
  for (const name of ['.plugins', 'tree', 'one/top']) await fails(t, kernel.read(name), 'ENOENT');
  const { node } = await vfs.lookup(vfs.root, 'one', { id: 1 });
  t.like(await t.throwsAsync(vfs.open(node, { id: 1 })), { path: '/one' });
});

// S152
test('a root that is a file, or missing, is an error', async (t) => {
  const { vfs } = start(t, ['f=tree://h/a/b/file', 'd=tree://h/a/d', 'h=tree://g']);
  const signal = new AbortController().signal;
  t.like(await t.throwsAsync(vfs.checkRoot('f', signal)), { code: 'NOT_DIRECTORY', path: '/f' });
  t.like(await t.throwsAsync(vfs.checkRoot('d', signal)), { code: 'NOT_FOUND' });
  await vfs.checkRoot('h', signal);
});

test('what a source says of a root decides, and not that it cannot be reached', async (t) => {
  const { vfs, source } = start(t, ['d=tree://h/a/b/d']);
  const check = async (fails: (call: string) => void, isHierarchical = true): Promise<string> => {
    source.beforeCall = fails;
    const capabilitiesOf = (): SourceCapabilities => ({ ...TREE, isHierarchical });
    const registry = { capabilitiesOf } as unknown as ClientRegistry;
    const roots = rootOptions(['d=tree://h/a/b/d']);
    return await checkRoots(vfs, roots, registry, pino({ level: 'silent' })).then(
      () => 'mounted',
      (error: Error) => error.name,
    );
  };
  const failing = (code: SourceErrorCode) => (): never => {
    throw new SourceError(code, 'it fails', 'tree://h/a/b/d');
  };
  t.is(await check(failing('ACCESS_DENIED')), 'MountRootError');
  t.is(await check(failing('ACCESS_DENIED'), false), 'mounted', 'what is below it may be readable');
  for (const code of ['TIMEOUT', 'CONNECTION_REFUSED', 'BUSY', 'NETWORK_UNREACHABLE'] as const)
    t.is(await check(failing(code)), 'mounted', code);
});

test('roots that cannot be are refused', (t) => {
  const faults: Readonly<Record<string, RegExp>> = {
    'https://h/a https://h/b': /each needs a name/,
    'a=https://h/a a=https://h/b': /another root has that name/,
    'a=https://h/a b=https://h/a/b/': /inside that of a/,
    'a=https://h/%61/b b=https://H/a': /inside that of a/,
    'https://h/a?x=secret': /root https:\/\/h\/a\?x=…: expected a directory/,
    'https://user:secret@h/a': /credentials/,
    'https://h/a/../b': /leave/,
    'https://h/a//b': /leave/,
  };
  for (const [roots, message] of Object.entries(faults)) {
    const error = t.throws(() => mountRoot(rootOptions(roots.split(' ')), () => DEFAULT_CAPABILITIES), {
      message,
    });
    t.notRegex(error.message, /secret/);
  }
  t.notThrows(() => mountRoot(rootOptions(['a=https://h/a', 'b=https://h/ab']), () => DEFAULT_CAPABILITIES));
});

test('a name with dots that is no step is a name', (t) => {
  for (const name of ['..a', 'a..', '...', 'a%2Fb', 'v1..2', 'x;..', '..%20', 'a%2Eb'])
    t.false(stepsUp(name), name);
  for (const name of ['.;x', 'a%2F..', '%2e%2E%2fx', '%252e%252e%252f']) t.true(stepsUp(name), name);
});

// S150 S152
test.serial('a mount with a root sends no request for anything else', async (t) => {
  const root = await temporaryDirectory(t);
  await mkdir(join(root, 'tenant/a'), { recursive: true });
  await writeFile(join(root, 'tenant/a/file.txt'), 'shown');
  await writeFile(join(root, 'secret.txt'), 'hidden');
  const nginx = await startNginx(t, { root });
  const mountpoint = await mounted(t, '--root', `${nginx.origin}/tenant`);
  const looked = await shell(
    `cd "$1" && ls -A && ls -A a && cat a/file.txt && for name in .plugins .d7y http ..%2fsecret.txt 'a/..;x/secret.txt'; do
       cat "$name" 2>&1; done; true`,
    mountpoint,
  );
  t.is(
    looked.stdout,
    [
      'a',
      'file.txt',
      'showncat: .plugins: No such file or directory',
      'cat: .d7y: No such file or directory',
      'cat: http: No such file or directory',
      'cat: ..%2fsecret.txt: Invalid argument',
      "cat: 'a/..;x/secret.txt': Invalid argument",
      '',
    ].join('\n'),
  );
  for (const { uri } of await nginx.accessLog()) t.regex(uri, /^\/tenant(\/|$)/);
  const url = await run(process.execPath, [CLI, 'url', join(mountpoint, 'a/file.txt')]);
  t.is(url.stdout, `${nginx.origin}/tenant/a/file.txt\n`);
  const path = await run(process.execPath, [CLI, 'path', url.stdout.trim(), mountpoint]);
  t.is(path.stdout, `${join(mountpoint, 'a/file.txt')}\n`);
  const outside = await run(process.execPath, [CLI, 'path', `${nginx.origin}/secret.txt`, mountpoint]);
  t.regex(outside.stderr, /it is in no root of the mount/);

  const args = ['--cache-size', '0', '--log-file', join(root, 'log')];
  const file = await run(process.execPath, [
    CLI,
    join(root, 'm'),
    '-o',
    `root=${nginx.origin}/secret.txt`,
    ...args,
  ]);
  t.is(file.code, 1);
  t.regex(file.stderr, /root http:\/\/127\.0\.0\.1:\d+\/secret\.txt: is a file, and a root is a directory/);
  const missing = [CLI, join(root, 'm'), '--root', `${nginx.origin}/missing`, ...args];
  const refused = await run(process.execPath, missing);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /root http:\/\/[^:]+:\d+\/missing: .*; a URL with \/ at its end is not queried/);
});

// S152
test.serial('a root whose server is down is mounted', async (t) => {
  const mountpoint = await mounted(t, '--root', 'down=http://127.0.0.1:9/x', '--retries', '0');
  const { stdout, stderr } = await shell('cd "$1" && ls -A; cat down/y', mountpoint);
  t.is(stdout, 'down\n');
  t.regex(stderr, /Connection refused/);
});
