import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { devFuseTransport } from '../../src/mount/dev-fuse/dev-fuse-transport.js';
import type { TransportOptions } from '../../src/mount/transport.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { MEMORY_PLUGINS, type MemoryResources } from './memory-resources.js';
import { run } from './mounted.js';
import { temporaryDirectory } from './temp.js';
import { MetadataBudget } from '../../src/memory/metadata-budget.js';

/** Mounts resources in memory with the transport dev-fuse, in this process: only children may touch it. */
export async function mountedMemory(
  t: ExecutionContext,
  resources: MemoryResources,
  {
    budget = MetadataBudget.beside(0),
    ...options
  }: Partial<TransportOptions> & { budget?: MetadataBudget } = {},
): Promise<string> {
  const mountpoint = join(await temporaryDirectory(t), 'mnt');
  await mkdir(mountpoint);
  const vfs = new VirtualFs({
    cache: resources,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget,
  });
  const session = await devFuseTransport(pino({ level: 'silent' })).mount(vfs, mountpoint, {
    allowOther: false,
    checksPermissions: false,
    source: 'd7y-mount',
    exec: true,
    passthrough: true,
    operationLimitMs: 10_000,
    ...options,
  });
  t.teardown(async () => {
    await run('umount', ['-l', mountpoint]);
    await session.unmount();
    await session.ended;
  });
  return mountpoint;
}
