/** The composition root: the only module that connects the parts of a mount. */
import process from 'node:process';

import type { Logger } from 'pino';

import { DEFAULT_CACHE_OPTIONS } from '../src/cache/cache-options.js';
import { CachedResources } from '../src/cache/cached-resources.js';
import type { DiskCache } from '../src/cache/disk/disk-cache.js';
import { DEFAULT_DISK_CACHE_OPTIONS } from '../src/cache/disk/disk-cache-options.js';
import { openDiskCache } from '../src/cache/disk/open-disk-cache.js';
import type { CredentialsFor } from '../src/cache/disk/credential-scope.js';
import { messageOf } from '../src/error-code.js';
import { UrlSet } from '../src/cache/url-set.js';
import { WarmJobs } from '../src/control/warm/warm-jobs.js';
import { MetadataBudget } from '../src/memory/metadata-budget.js';
import { fuseNativeTransport } from '../src/mount/fuse-native/fuse-native-transport.js';
import { devFuseTransport } from '../src/mount/dev-fuse/dev-fuse-transport.js';
import { loadSyscalls } from '../src/native/posix.js';
import type { MountRoot } from '../src/mount/mount-root.js';
import { ResourcePath } from '../src/mount/resource-path.js';
import { rootOptions } from '../src/mount/root-option.js';
import { checkOutside } from '../src/mount/mountpoint.js';
import { MountActivity } from '../src/mount/mount-activity.js';
import type { MountSession, Transport } from '../src/mount/transport.js';
import { VirtualFs } from '../src/mount/virtual-fs.js';
import type { FreshnessLimits } from '../src/cache/freshness.js';
import { identityOf } from '../src/source/source-rules.js';
import { cacheDirectory } from './cache-directory.js';
import { composeSources, type Sources } from './compose-sources.js';
import { checkRoots, composeRoot } from './compose-root.js';
import { mountAttributes } from './mount-attributes.js';
import { ShownMount } from './shown-mount.js';
import { hugePageMemory } from './huge-page-memory.js';
import type { Configuration } from './config/configuration.js';
import type { MountRequest } from './config/mount-request.js';
import type { MountOptions } from './config/options.js';

/** Operations that the kernel cannot interrupt end after so many times the timeout of the sources. */
const OPERATION_LIMIT_FACTOR = 4;
/** Of the memory for content. The rest is for what is on its way: in buffers of sockets, and in copies. */
const BLOCK_SHARE = 3 / 4;

/** The bits of `--umask` that take a right away. */
const READ_MODE = 0o555;

/** What a mount is made of, for those who operate it. */
export interface MountLayers {
  readonly transport: Transport['name'];
  readonly activity: MountActivity;
  readonly vfs: VirtualFs;
  readonly cache: CachedResources;
  readonly sources: Sources;
  readonly warmJobs: WarmJobs;
  /** The URLs that can be reached; undefined: all. */
  readonly roots: UrlSet | undefined;
  /** What `/.d7y` shows. */
  readonly shown: ShownMount;
}

export interface ComposedMount extends MountSession {
  readonly layers: MountLayers;
}

export async function compose(
  { path: mountpoint, source, descriptor, continuation, configuration }: MountRequest,
  log: Logger,
): Promise<ComposedMount> {
  const { options } = configuration.current;
  const sources = composeSources(configuration, log);
  const { registry, plugins, clientFor, credentialsFor, close } = sources;
  const budget = MetadataBudget.beside(options.memory);
  const disk = await openDisk(mountpoint, options, credentialsFor, log);
  const allocate = await hugePageMemory();
  const cache = new CachedResources(
    {
      memoryBytes: options.memory * BLOCK_SHARE,
      ...freshnessOf(options),
    },
    {
      clientFor,
      peers: sources.peers,
      log,
      budget,
      ...(disk === undefined ? {} : { disk }),
      ...(allocate === undefined ? {} : { allocate }),
    },
  );
  plugins.onReplaced = (scheme) => cache.forget(`${scheme}:`);
  configuration.onReplaced((now, before) => {
    cache.setFreshness(freshnessOf(now.options));
    if (accessOf(now) === accessOf(before)) return;
    // Content stays: the source says at the next use whether it still is what these credentials may read.
    cache.expire(new UrlSet(['']));
  });
  const ownership = {
    uid: options.uid ?? process.getuid?.() ?? 0,
    gid: options.gid ?? process.getgid?.() ?? 0,
    // Where all may read, that is shown, whatever the source has.
    umask: options.umask ?? (options.allowOther ? 0 : undefined),
  };
  // Without --allow-other the kernel lets in only the user who mounts.
  const checksPermissions = options.allowOther && ((options.umask ?? 0) & READ_MODE) !== 0;
  const roots = rootOptions(options.root);
  const root = await composeRoot(roots, registry);
  const transport = await chooseTransport(options.transport, descriptor !== undefined, log);
  const activity = new MountActivity();
  const shown = new ShownMount();
  const isNative = transport.name === 'fuse-native';
  // libfuse 2 reports no user, and shows no file whose size is unknown.
  const controlFiles =
    options.allowOther && isNative
      ? undefined
      : {
          texts: shown.texts(configuration),
          accessLog: isNative ? undefined : activity.accessLog,
          uid: process.getuid?.() ?? 0,
          gid: process.getgid?.() ?? 0,
          isListed: options.showControl,
        };
  const vfs = new VirtualFs({
    cache,
    plugins: registry,
    ownership,
    checksPermissions,
    budget,
    log,
    ...(controlFiles === undefined ? {} : { controlFiles }),
    mountAttribute: mountAttributes({
      cache: () => cache.report,
      requests: () => sources.activity.report,
      p2p: () => sources.peers.report,
      isShared: options.allowOther,
    }),
    ...(root === undefined ? {} : { root }),
  });
  // What is mounted goes on, whatever its source says now.
  if (continuation?.resumed === undefined) await checkRoots(vfs, roots, registry, log);
  const warmJobs = new WarmJobs(cache.warming);
  const session = await transport.mount(vfs, mountpoint, {
    source,
    descriptor,
    continuation,
    exec: options.exec,
    allowOther: options.allowOther,
    checksPermissions,
    passthrough: options.passthrough,
    operationLimitMs: options.timeout * OPERATION_LIMIT_FACTOR,
    activity,
  });
  const ended = session.ended.then(async (how) => {
    warmJobs.close();
    await vfs.close();
    await close();
    return how;
  });
  return {
    ended,
    unmount: () => session.unmount(),
    detach: () => session.detach(),
    handOver: session.handOver,
    layers: {
      transport: transport.name,
      activity,
      vfs,
      cache,
      sources,
      warmJobs,
      roots: root && new UrlSet(urlsOf(root)),
      shown,
    },
  };
}

function urlsOf(root: MountRoot): readonly string[] {
  return root instanceof ResourcePath ? [root.url] : [...root.values()].map(({ url }) => url);
}

function freshnessOf({ metadataTtl, negativeTtl, staleIfError, offline }: MountOptions): FreshnessLimits {
  return {
    metadataTtlMs: metadataTtl,
    negativeTtlMs: negativeTtl,
    staleIfErrorMs: offline ? Infinity : staleIfError,
  };
}

/** By what a source may answer otherwise. */
function accessOf({ rules, policy, options }: Configuration): string {
  return identityOf([rules.map(({ match, settings }) => [match, settings]), policy, options.allowAddress]);
}

/** Undefined: there is to be none, or the default directory cannot be used. */
export async function openDisk(
  mountpoint: string,
  options: Pick<MountOptions, 'cacheDir' | 'cacheSize'>,
  credentialsFor: CredentialsFor | undefined,
  log: Logger,
): Promise<DiskCache | undefined> {
  if (options.cacheSize === 0) return undefined;
  const directory = cacheDirectory(options);
  await checkOutside(mountpoint, 'cache directory', directory);
  try {
    return await openDiskCache({
      ...DEFAULT_DISK_CACHE_OPTIONS,
      directory,
      limitBytes: options.cacheSize,
      blockBytes: DEFAULT_CACHE_OPTIONS.blockBytes,
      credentialsFor,
      log,
    });
  } catch (error) {
    const reason = messageOf(error);
    // A directory that was chosen must work.
    if (options.cacheDir !== undefined) {
      throw new Error(`the cache directory cannot be used: ${reason}`, { cause: error });
    }
    log.warn({ directory, err: error }, `disk cache: off, ${directory} cannot be used: ${reason}`);
    return undefined;
  }
}

/** `auto`: the kernel's own protocol on Linux, wherever its system calls can be loaded. */
async function chooseTransport(
  name: MountOptions['transport'],
  isMounted: boolean,
  log: Logger,
): Promise<Transport> {
  if (isMounted && name === 'fuse-native')
    throw new Error('fuse-native cannot serve a descriptor: use dev-fuse');
  if (name === 'fuse-native') return fuseNativeTransport(log);
  if (name === 'dev-fuse' || isMounted) return devFuseTransport(log);
  try {
    if (process.platform !== 'linux') return fuseNativeTransport(log);
    await loadSyscalls();
    return devFuseTransport(log);
  } catch (error) {
    log.warn({ err: error }, 'the transport dev-fuse cannot be loaded; using fuse-native');
    return fuseNativeTransport(log);
  }
}
