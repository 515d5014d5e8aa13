import test, { type ExecutionContext } from 'ava';

import type { Awaitable } from '../../src/awaitable.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import type { ControlFiles } from '../../src/mount/control-files.js';
import { AccessLog } from '../../src/mount/access-log.js';
import { VirtualFs, type VirtualFsContext } from '../../src/mount/virtual-fs.js';
import { errnoName, errnoOf } from '../../src/mount/errno.js';
import { FakeKernel } from '../support/fake-kernel.js';
import { MEMORY_PLUGINS, MemoryResources } from '../support/memory-resources.js';

function vfsWith(changes: Partial<VirtualFsContext>): VirtualFs {
  return new VirtualFs({
    cache: new MemoryResources(),
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
    ...changes,
  });
}

async function namesIn(vfs: VirtualFs, ...names: string[]): Promise<string[]> {
  let node = vfs.root;
  for (const name of names) node = (await vfs.lookup(node, name, { id: 1 })).node;
  const handle = await vfs.opendir(node, true, { id: 1 });
  return (await vfs.listDirectory(handle, { id: 1 })).map(({ name }) => name);
}

async function isMissing(t: ExecutionContext, lookup: () => Awaitable<unknown>): Promise<void> {
  t.is(errnoOf(await t.throwsAsync(async () => await lookup()), 'attributes'), 2);
}

const OWNER = 1_000;

function controlFiles(changes: Partial<ControlFiles> = {}): ControlFiles {
  return { texts: new Map(), accessLog: undefined, uid: OWNER, gid: OWNER, isListed: false, ...changes };
}

test('files of the mount are read whole, and only who knows their directory finds it', async (t) => {
  let made = 0;
  const texts = new Map([['status.json', () => `${(made += 1)}`.repeat(5_000)]]);
  const vfs = vfsWith({ controlFiles: controlFiles({ texts }) });
  t.false((await namesIn(vfs)).includes('.d7y'));
  t.deepEqual(await namesIn(vfs, '.d7y'), ['status.json']);
  const kernel = new FakeKernel(vfs);
  t.is(await kernel.read('.d7y/status.json'), '1'.repeat(5_000));
  const { node } = await vfs.lookup(vfs.root, '.d7y', { id: 1 });
  await isMissing(t, () => vfs.lookup(node, 'other.json', { id: 1 }));
});

test('without such files there is no such directory', async (t) => {
  const vfs = vfsWith({});
  await isMissing(t, () => vfs.lookup(vfs.root, '.d7y', { id: 1 }));
});

test('a listing of the root has their directory where it is wanted', async (t) => {
  const vfs = vfsWith({ controlFiles: controlFiles({ isListed: true }) });
  t.deepEqual(await namesIn(vfs), ['.d7y', '.plugins', 'mem']);
});

test('of several users only the one who mounted, and root, read them', async (t) => {
  const texts = new Map([['status.json', () => 'x']]);
  const vfs = vfsWith({ controlFiles: controlFiles({ texts }) });
  const directory = await vfs.lookup(vfs.root, '.d7y', { id: 1 });
  t.like(directory.attr, { mode: 0o40500, uid: OWNER });
  const { node, attr } = await vfs.lookup(directory.node, 'status.json', { id: 1 });
  t.like(attr, { mode: 0o100400, uid: OWNER, size: 1 });
  const errorOf = async (uid: number | undefined): Promise<string | undefined> =>
    await vfs.open(node, { id: 1, uid }).then(
      () => undefined,
      (error: unknown) => errnoName(error, 'attributes'),
    );
  t.is(await errorOf(OWNER + 1), 'EACCES');
  for (const uid of [0, OWNER, undefined]) t.is(await errorOf(uid), undefined);
});

test('a read of the access log waits for a line, and is interrupted', async (t) => {
  const log = new AccessLog();
  const vfs = vfsWith({ controlFiles: controlFiles({ accessLog: log }) });
  const { node } = await vfs.lookup((await vfs.lookup(vfs.root, '.d7y', { id: 1 })).node, 'accesslog', {
    id: 1,
  });
  const { id, size } = await vfs.open(node, { id: 1 });
  t.is(size, undefined, 'it is read past the page cache');
  const read = (signal?: AbortSignal): Promise<string> =>
    vfs.read(id, 0, 4_096, { id: 1, ...(signal && { signal }) }, (pieces) =>
      Buffer.concat(pieces).toString(),
    );
  const line = read();
  log.add({
    operation: 'read',
    path: '/a b?sig=x',
    offset: 1,
    length: 2,
    errno: 2,
    ms: 3,
    pid: 4,
    uid: 5,
    route: 'disk',
  });
  t.regex(
    await line,
    /^\d{4}-\d\d-\d\dT[\d:.]+Z\tread\t\/a b\?sig=…\t1\t2\tENOENT\t0\.003000\t4\t5\tdisk\n$/,
  );
  const interrupted = new AbortController();
  const waiting = read(interrupted.signal);
  interrupted.abort();
  t.is(errnoName(await t.throwsAsync(waiting), 'data'), 'EINTR');
  vfs.release(id);
  t.false(log.isFollowed);
});

test('a reader of the access log that is slow loses lines, and the log says how many', async (t) => {
  const log = new AccessLog();
  const follower = log.follow(200);
  const add = (path: string): void => log.add({ operation: 'open', path, errno: 0, ms: 0 });
  for (let i = 0; i < 10; i += 1) add(`/${i}`);
  const first = Buffer.from(await follower.read(10_000))
    .toString()
    .trim()
    .split('\n');
  add('/later');
  const [notice, ...rest] = Buffer.from(await follower.read(10_000))
    .toString()
    .trim()
    .split('\n');
  t.is(notice, `# ${10 - first.length} lines were dropped: this reader is too slow`);
  t.regex(rest.join(), /\t\/later\t/);
  add('/x');
  t.is((await follower.read(5)).byteLength, 5, 'a read gets no more than it has room for');
});
