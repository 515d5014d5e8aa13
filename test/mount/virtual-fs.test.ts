import { constants } from 'node:fs';

import test from 'ava';

import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import type { Node } from '../../src/mount/node.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { FakeKernel } from '../support/fake-kernel.js';
import { MEMORY_PLUGINS, MemoryResources } from '../support/memory-resources.js';

const CALLER = { id: 1 };

test('a walk ends where no server would understand its URL', async (t) => {
  const cache = new MemoryResources(false);
  const vfs = new VirtualFs({
    cache,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const { node: scheme } = await vfs.lookup(vfs.root, 'mem', CALLER);
  let { node } = await vfs.lookup(scheme, 'h', CALLER);
  const walk = async (): Promise<void> => {
    for (let depth = 0; depth < 100; depth += 1) {
      ({ node } = await vfs.lookup(node, '"'.repeat(255), CALLER));
    }
  };
  t.like(await t.throwsAsync(walk()), { code: 'NAME_TOO_LONG' });
});

for (const isListed of [true, false]) {
  const title = isListed
    ? 'where something is listed, a name may be kept'
    : 'where nothing is listed, a name may not be kept';
  test(`${title}, and what it is may never be`, async (t) => {
    const cache = new MemoryResources(isListed);
    cache.files.set('mem://h/a/b', { bytes: Buffer.from('x'), etag: '"1"' });
    const vfs = new VirtualFs({
      cache,
      plugins: MEMORY_PLUGINS,
      ownership: { uid: 0, gid: 0, umask: 0 },
      budget: MetadataBudget.beside(0),
    });
    const { node: scheme } = await vfs.lookup(vfs.root, 'mem', CALLER);
    const { node: host } = await vfs.lookup(scheme, 'h', CALLER);
    const found = await vfs.lookup(host, 'a', CALLER);
    t.is(found.node.kind === 'resource' && found.node.type, 'unknown');
    t.is(found.nameTtlMs > 0, isListed);
    t.is(found.attrTtlMs, 0);
  });
}

// S32 S33
test('what is listed of attributes can be read, of files with and without ETag, and of directories', async (t) => {
  const cache = new MemoryResources(true);
  cache.files.set('mem://h/d/tagged', { bytes: Buffer.from('x'), etag: '"1"' });
  cache.files.set('mem://h/d/untagged', { bytes: Buffer.from('x') });
  const vfs = new VirtualFs({
    cache,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const { node: scheme } = await vfs.lookup(vfs.root, 'mem', CALLER);
  const { node: host } = await vfs.lookup(scheme, 'h', CALLER);
  const { node: directory, attr } = await vfs.lookup(host, 'd', CALLER);
  t.is(attr.nlink, 1, 'how many subdirectories there are is not known');
  const read = async (node: Node): Promise<Record<string, string>> => {
    const values: Record<string, string> = {};
    for (const name of await vfs.listxattr(node, CALLER))
      values[name] = Buffer.from(await vfs.getxattr(node, name, CALLER)).toString();
    return values;
  };
  t.deepEqual(await read(directory), { 'user.d7y.url': 'mem://h/d', 'user.d7y.source': 'mem' });
  for (const [name, etag] of [
    ['tagged', '"1"'],
    ['untagged', ''],
  ] as const) {
    const { node } = await vfs.lookup(directory, name, CALLER);
    t.like(await read(node), { 'user.d7y.url': `mem://h/d/${name}`, 'user.d7y.etag': etag });
  }
});

// S31
test('a file that the kernel knows keeps its inode, whatever metadata is evicted', async (t) => {
  const cache = new MemoryResources(true);
  const names = Array.from({ length: 50 }, (_, i) => `${i}`);
  const setVersion = (name: string, etag: string): unknown =>
    cache.files.set(`mem://h/${name}`, { bytes: Buffer.from(etag), etag });
  for (const name of ['a', 'b', ...names]) setVersion(name, '"1"');
  const ownership = { uid: 0, gid: 0, umask: 0 };
  const vfs = new VirtualFs({
    cache,
    plugins: MEMORY_PLUGINS,
    ownership,
    budget: new MetadataBudget(10_000),
  });
  const kernel = new FakeKernel(vfs);
  const evict = async (): Promise<void> => {
    for (const name of names) await kernel.stat(`mem/h/${name}`);
  };
  const { nodeId: unchanged } = await kernel.lookup('mem/h/b');
  const { nodeId: old } = await kernel.lookup('mem/h/a');
  setVersion('a', '"2"');
  const { nodeId } = await kernel.lookup('mem/h/a');
  await evict();
  await t.notThrowsAsync(kernel.fstat(nodeId));
  await t.notThrowsAsync(kernel.fstat(unchanged));
  await evict();
  t.is((await kernel.lookup('mem/h/a')).nodeId, nodeId);
  t.is((await kernel.lookup('mem/h/b')).nodeId, unchanged);
  await evict();
  kernel.beforeRetry = () => t.fail('the kernel looks up again');
  t.is(await kernel.read('mem/h/a'), '"2"');
  await t.throwsAsync(kernel.fstat(old), { message: 'ESTALE' });
  setVersion('a', '"3"');
  await evict();
  await t.throwsAsync(kernel.fstat(nodeId), { message: 'ESTALE' });
  t.false([old, nodeId].includes((await kernel.lookup('mem/h/a')).nodeId));
});

test('a directory counts as entered by chdir, and not by a check of its permissions', async (t) => {
  const cache = new MemoryResources();
  cache.files.set('mem://h/d/a', { bytes: Buffer.from('x') });
  const vfs = new VirtualFs({
    cache,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const kernel = new FakeKernel(vfs);
  const { inodes } = kernel.operations;
  await kernel.access('mem/h/d', constants.R_OK);
  const { nodeId } = await kernel.lookup('mem/h/d');
  t.false(inodes.get(nodeId).wasEntered);
  await kernel.chdir('mem/h/d');
  t.true(inodes.get(nodeId).wasEntered);
});
