import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { whenProcessEnded, servingProcess } from '../../bin/serving-process.js';
import { devFuseTransport } from '../../src/mount/dev-fuse/dev-fuse-transport.js';
import { findMount } from '../../src/mount/mount-table.js';
import { asRootSerially } from '../support/conditional-test.js';
import { MemoryResources } from '../support/memory-resources.js';
import { mounted, run, shell } from '../support/mounted.js';
import { mountMemory } from '../support/mounted-memory.js';
import { temporaryDirectory } from '../support/temp.js';

// The device number that the unmount sets free is given to the next mount.
const REPLACE = 'umount "$1" && mount -t tmpfs none "$1"';

asRootSerially('dev-fuse: what is mounted in the place of a mount stays when its process ends', async (t) => {
  const mountpoint = join(await temporaryDirectory(t), 'mnt');
  await mkdir(mountpoint);
  t.teardown(() => run('umount', ['-l', mountpoint]));
  const session = await mountMemory(devFuseTransport, new MemoryResources(), mountpoint);
  t.is((await shell(REPLACE, mountpoint)).code, 0);
  await session.ended;
  await session.unmount();
  await session.detach();
  t.is((await findMount(mountpoint))?.fsType, 'tmpfs');
});

asRootSerially(
  'fuse-native: what is mounted in the place of a mount stays when its process ends',
  async (t) => {
    const mountpoint = await mounted(t, '--transport', 'fuse-native');
    const mount = await findMount(mountpoint);
    const server = mount && (await servingProcess(mount));
    if (server === undefined) return t.fail();
    // Before the process polls the mount table again.
    t.is((await shell(`${REPLACE} && kill "$2"`, mountpoint, String(server.pid))).code, 0);
    t.true(await whenProcessEnded(server, 30_000));
    t.is((await findMount(mountpoint))?.fsType, 'tmpfs');
  },
);
