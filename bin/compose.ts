/** The composition root: the only place that knows which parts make a mount. */
import process from 'node:process';

import type { Logger } from 'pino';

import { CachedResources } from '../src/cache/cached-resources.js';
import { fuseNativeTransport } from '../src/mount/fuse-native/fuse-native-transport.js';
import { devFuseTransport } from '../src/mount/dev-fuse/dev-fuse-transport.js';
import { loadSyscalls } from '../src/mount/dev-fuse/syscalls.js';
import type { MountSession, Transport } from '../src/mount/transport.js';
import { VirtualFs } from '../src/mount/virtual-fs.js';
import { composeSources } from './compose-sources.js';
import type { MountOptions } from './options.js';

/** Operations that the kernel cannot interrupt end after so many times the timeout of the sources. */
const OPERATION_LIMIT_FACTOR = 4;

export async function compose(mountpoint: string, options: MountOptions, log: Logger): Promise<MountSession> {
  const { registry, plugins, close } = composeSources(options, log);
  const cache = new CachedResources(
    {
      memoryBytes: options.memory,
      metadataTtlMs: options.metadataTtl,
      negativeTtlMs: options.negativeTtl,
    },
    { clientFor: (url) => registry.getClient(url.slice(0, url.indexOf(':'))), log },
  );
  plugins.onReplaced = (scheme) => cache.forget(`${scheme}:`);
  const ownership = {
    uid: options.uid ?? process.getuid?.() ?? 0,
    gid: options.gid ?? process.getgid?.() ?? 0,
    umask: options.umask,
  };
  const vfs = new VirtualFs({ cache, plugins: registry, ownership });
  const transport = await chooseTransport(options.transport, log);
  const session = await transport.mount(vfs, mountpoint, {
    allowOther: options.allowOther,
    passthrough: options.passthrough,
    operationLimitMs: options.timeout * OPERATION_LIMIT_FACTOR,
  });
  const ended = session.ended.then(async () => {
    vfs.close();
    await close();
  });
  return { ended, unmount: () => session.unmount() };
}

/** `auto`: the kernel's own protocol on Linux, wherever its system calls can be loaded. */
async function chooseTransport(name: MountOptions['transport'], log: Logger): Promise<Transport> {
  if (name === 'fuse-native') return fuseNativeTransport(log);
  if (name === 'dev-fuse') return devFuseTransport(log);
  try {
    if (process.platform !== 'linux') return fuseNativeTransport(log);
    await loadSyscalls();
    return devFuseTransport(log);
  } catch (error) {
    log.warn({ err: error }, 'the transport dev-fuse cannot be loaded; using fuse-native');
    return fuseNativeTransport(log);
  }
}
