import test, { type ExecutionContext } from 'ava';

import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { VirtualFs, type VirtualFsContext } from '../../src/mount/virtual-fs.js';
import { errnoOf } from '../../src/mount/errno.js';
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
  return vfs.readdir(handle).map(({ name }) => name);
}

async function isMissing(t: ExecutionContext, work: Promise<unknown>): Promise<void> {
  t.is(errnoOf(await t.throwsAsync(work), 'attributes'), 2);
}

test('files of the mount are read whole, and only who knows their directory finds it', async (t) => {
  let made = 0;
  const vfs = vfsWith({ controlFiles: new Map([['status.json', () => `${(made += 1)}`.repeat(5_000)]]) });
  t.false((await namesIn(vfs)).includes('.d7y'));
  t.deepEqual(await namesIn(vfs, '.d7y'), ['status.json']);
  const kernel = new FakeKernel(vfs);
  t.is(await kernel.read('.d7y/status.json'), '1'.repeat(5_000));
  const { node } = await vfs.lookup(vfs.root, '.d7y', { id: 1 });
  await isMissing(t, vfs.lookup(node, 'other.json', { id: 1 }));
});

test('without such files there is no such directory', async (t) => {
  const vfs = vfsWith({});
  await isMissing(t, vfs.lookup(vfs.root, '.d7y', { id: 1 }));
});
