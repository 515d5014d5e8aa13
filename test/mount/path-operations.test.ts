import test from 'ava';

import { PathOperations } from '../../src/mount/fuse-native/path-operations.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { MEMORY_PLUGINS, MemoryResources } from '../support/memory-resources.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

const URL = 'mem://host/file.bin';
const PATH = '/mem/host/file.bin';
const CALLER = { id: -1 };

// S44
test('a path is one version as long as it is open', async (t) => {
  const resources = new MemoryResources();
  const vfs = new VirtualFs({
    cache: resources,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget: MetadataBudget.beside(0),
  });
  const paths = new PathOperations(vfs);
  resources.files.set(URL, { bytes: Buffer.from('old'), etag: '"1"' });
  const old = await paths.getattr(PATH, CALLER);
  const [first, second] = [await paths.open(PATH, CALLER), await paths.open(PATH, CALLER)];
  resources.files.set(URL, { bytes: Buffer.from('newer'), etag: '"2"' });

  // The kernel would cut off what is open at the size that it is shown, and fill its pages with what another reads.
  t.deepEqual(await paths.getattr(PATH, CALLER), old);
  await t.throwsAsync(paths.open(PATH, CALLER), { code: 'STALE' });
  paths.release(first);
  await t.throwsAsync(paths.open(PATH, CALLER), { code: 'STALE' });
  paths.release(second);

  t.like(await paths.getattr(PATH, CALLER), { size: 5 });
  const third = await paths.open(PATH, CALLER);
  t.not((await paths.getattr(PATH, CALLER)).ino, old.ino);
  paths.release(third);
});
