/**
 * What a mount does while it is idle after its start, so that it serves as fast as it ever will when it is used.
 *
 * V8 makes fast code of what it has seen running. A mount that has just come up opens the first file in tens of
 * milliseconds, and a thousand reads later reads three times as fast as at first. So it opens, reads and lists
 * a made-up origin: requests as the kernel writes them go through all rooms of the house to a server on the loopback
 * interface, and nothing of it meets what the mount itself has open, cached or connected.
 *
 * Fast code is made for what was seen, and thrown away when something else comes. So everything is what it is in the
 * mount: the sources as they are configured, TCP, and a disk cache, which is removed before it reaches the disk.
 *
 * Most steps take about a millisecond, and between two of them whoever uses the mount comes first.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

import { pino } from 'pino';

import { CachedResources, DEFAULT_CACHE_OPTIONS } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { DEFAULT_DISK_CACHE_OPTIONS } from '../../src/cache/disk/disk-cache-options.js';
import { openDiskCache } from '../../src/cache/disk/open-disk-cache.js';
import { orAborted } from '../../src/cache/or-aborted.js';
import { BackingFiles } from '../../src/mount/dev-fuse/backing-files.js';
import { FuseOperations } from '../../src/mount/dev-fuse/fuse-operations.js';
import { KernelPages } from '../../src/mount/dev-fuse/kernel-pages.js';
import { FuseSession } from '../../src/mount/dev-fuse/fuse-session.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { BLOCK_SHARE } from '../compose.js';
import { composeSources, type SourceOptions } from '../compose-sources.js';
import { RehearsalKernel } from './rehearsal-kernel.js';
import {
  LARGE_BYTES,
  LARGE_NAME,
  LONG_INDEX_PREFIX,
  RehearsalOrigin,
  SMALL_FILES,
} from './rehearsal-origin.js';

/** What the mount is like. */
export interface RehearsalStage {
  readonly sources: SourceOptions;
  /** The rehearsal then has one of its own, where temporary files are. */
  readonly hasDiskCache: boolean;
}

export interface RehearsalPlan {
  readonly scenes: number;
  /** In each scene: how many small files are opened and read, how many reads the large one gets, how often a directory is listed. */
  readonly opens: number;
  readonly reads: number;
  readonly lists: number;
}

export const DEFAULT_REHEARSAL: RehearsalPlan = { scenes: 6, opens: 100, reads: 200, lists: 2 };

/** What the rehearsal takes of the memory, until it is over. */
const MEMORY_BYTES = 4 * 1024 * 1024;
/** More than it ever stores. */
const DISK_BYTES = 256 * 1024 * 1024;
const READ_BYTES = 4096;
const LARGE_READ_BYTES = 1024 * 1024;
const LARGE_READS = 16;
/** How much code runs before V8 makes it fast (its flag `interrupt-budget`), here and by default. */
const EAGER_BUDGET = 10_000;
const USUAL_BUDGET = 66 * 1024;

const NO_LOG = pino({ enabled: false });

/** Runs to its end, or until `signal` fires. Rejects with what went wrong, which hurts nobody but it. */
export async function rehearse(
  signal: AbortSignal,
  stage: RehearsalStage,
  plan = DEFAULT_REHEARSAL,
): Promise<void> {
  setFlagsFromString(`--interrupt-budget=${EAGER_BUDGET}`);
  try {
    for (let scene = 0; scene < plan.scenes; scene += 1) await play(signal, stage, plan);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    setFlagsFromString(`--interrupt-budget=${USUAL_BUDGET}`);
  }
}

/** With everything made anew, since code that has served one object alone is made for that one. */
async function play(signal: AbortSignal, stage: RehearsalStage, plan: RehearsalPlan): Promise<void> {
  const origin = await RehearsalOrigin.create();
  // What is in the tree is rehearsed, whoever serves its schemes.
  const { registry, close } = composeSources({ ...stage.sources, pluginOverride: [] }, NO_LOG);
  const disk = stage.hasDiskCache ? await RehearsalDisk.create() : undefined;
  const opened = await disk?.open();
  const cache = new CachedResources(
    { memoryBytes: MEMORY_BYTES * BLOCK_SHARE },
    {
      clientFor: (url) => registry.getClient(url.slice(0, url.indexOf(':'))),
      log: NO_LOG,
      ...(opened === undefined ? {} : { disk: opened }),
    },
  );
  const vfs = new VirtualFs({ cache, plugins: registry, ownership: { uid: 0, gid: 0, umask: 0 } });
  const rootAttr = await vfs.getattr(vfs.root, { id: 0 });
  const kernel = new RehearsalKernel();
  const operations = new FuseOperations(
    vfs,
    rootAttr,
    new FailureLog(NO_LOG),
    new BackingFiles(NO_KERNEL, -1, true),
    new KernelPages(kernel),
  );
  const served = new FuseSession(kernel, operations).serve();
  try {
    await kernel.greet();
    for (const step of steps(kernel, origin.host, plan)) {
      if (signal.aborted) return;
      // Whatever a step waits for, the end of the mount does not.
      await orAborted(step(), signal, origin.host);
      await nextTurn();
    }
  } finally {
    kernel.end();
    await served;
    await disk?.remove();
    await vfs.close();
    await close();
    origin.close();
    await disk?.remove();
  }
}

/** A store in a directory that nobody else has. */
class RehearsalDisk {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined: there is no place for temporary files. The rest is rehearsed without it. */
  static async create(): Promise<RehearsalDisk | undefined> {
    try {
      return new RehearsalDisk(await mkdtemp(join(tmpdir(), 'd7y-mount-rehearsal-')));
    } catch {
      return undefined;
    }
  }

  async open(): Promise<DiskCache> {
    return await openDiskCache({
      ...DEFAULT_DISK_CACHE_OPTIONS,
      directory: this.#directory,
      limitBytes: DISK_BYTES,
      blockBytes: DEFAULT_CACHE_OPTIONS.blockBytes,
      log: NO_LOG,
    });
  }

  /** Perhaps while somebody still stores: before the system writes it back. */
  async remove(): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 10 });
  }
}

function* steps(
  kernel: RehearsalKernel,
  host: string,
  { opens, reads, lists }: RehearsalPlan,
): Generator<() => Promise<unknown>> {
  for (let open = 0; open < opens; open += 1) {
    yield async () => {
      const file = await kernel.open(['http', host, `dir${open % 2}`, `file${open % SMALL_FILES}`]);
      await kernel.read(file, 0, READ_BYTES);
      await kernel.release(file);
    };
  }
  let file = { node: 0, handle: 0 };
  yield async () => {
    file = await kernel.open(['http', host, 'dir', LARGE_NAME]);
  };
  for (let read = 0; read < reads; read += 1) {
    // Scattered, without a pattern that is followed.
    const offset = ((read * read * 7919) % (LARGE_BYTES / LARGE_READ_BYTES)) * LARGE_READ_BYTES;
    yield async () => await kernel.read(file, offset, READ_BYTES);
  }
  for (let read = 0; read < LARGE_READS; read += 1) {
    yield async () => await kernel.read(file, read * LARGE_READ_BYTES, LARGE_READ_BYTES);
  }
  yield async () => await kernel.release(file);
  for (let list = 0; list < lists; list += 1) {
    const directory = ['http', host, `${LONG_INDEX_PREFIX}${list}`];
    yield async () => await kernel.list(directory);
    yield async () => await kernel.look([...directory, `file${list % SMALL_FILES}`]);
  }
}

/** Nothing is handed to the kernel. */
const NO_KERNEL: ConstructorParameters<typeof BackingFiles>[0] = {
  openBacking: () => {
    throw new Error('there is no kernel');
  },
  closeBacking: () => undefined,
};
