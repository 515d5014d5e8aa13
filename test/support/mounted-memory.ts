import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';
import { pino } from 'pino';

import { MetadataBudget } from '../../src/memory/metadata-budget.js';
import { devFuseTransport } from '../../src/mount/dev-fuse/dev-fuse-transport.js';
import type { MountSession, TransportOptions } from '../../src/mount/transport.js';
import { MountActivity } from '../../src/mount/mount-activity.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { MEMORY_PLUGINS, type MemoryResources } from './memory-resources.js';
import { run } from './mounted.js';
import { temporaryDirectory } from './temp.js';

type MemoryMountOptions = Partial<TransportOptions> & { budget?: MetadataBudget };

/** Mounts resources in memory in this process, with the transport dev-fuse: only children may touch it. */
export async function mountedMemory(
  t: ExecutionContext,
  resources: MemoryResources,
  options: MemoryMountOptions = {},
): Promise<string> {
  const mountpoint = join(await temporaryDirectory(t), 'mnt');
  await mkdir(mountpoint);
  const session = await mountMemory(devFuseTransport, resources, mountpoint, options);
  t.teardown(async () => {
    await run('umount', ['-l', mountpoint]);
    await session.unmount();
    await session.ended;
  });
  return mountpoint;
}

export function mountMemory(
  transport: typeof devFuseTransport,
  resources: MemoryResources,
  mountpoint: string,
  { budget = MetadataBudget.beside(0), ...options }: MemoryMountOptions = {},
): Promise<MountSession> {
  const vfs = new VirtualFs({
    cache: resources,
    plugins: MEMORY_PLUGINS,
    ownership: { uid: 0, gid: 0, umask: 0 },
    budget,
  });
  return transport(pino({ level: 'silent' })).mount(vfs, mountpoint, {
    allowOther: false,
    checksPermissions: false,
    source: 'd7y-mount',
    exec: true,
    passthrough: true,
    operationLimitMs: 10_000,
    activity: new MountActivity(),
    ...options,
  });
}
