import { pino } from 'pino';

import { CachedResources, DEFAULT_CACHE_OPTIONS } from '../../src/cache/cached-resources.js';
import type { DiskCache } from '../../src/cache/disk/disk-cache.js';
import { BackingFiles } from '../../src/mount/dev-fuse/backing-files.js';
import { FuseOperations } from '../../src/mount/dev-fuse/fuse-operations.js';
import { FuseSession } from '../../src/mount/dev-fuse/fuse-session.js';
import { KernelPages } from '../../src/mount/dev-fuse/kernel-pages.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { BLOCK_SHARE } from '../compose.js';
import type { Sources } from '../compose-sources.js';
import { RehearsalKernel } from './rehearsal-kernel.js';

/** What it takes of the memory, until it is closed. */
const MEMORY_BYTES = 4 * 1024 * 1024;

export const NO_LOG = pino({ enabled: false });

/** All rooms between the rehearsal's kernel and the sources, as they are in the mount, and made anew. */
export class RehearsalHouse {
  readonly kernel: RehearsalKernel;
  readonly #vfs: VirtualFs;
  readonly #served: Promise<void>;

  private constructor(kernel: RehearsalKernel, vfs: VirtualFs, served: Promise<void>) {
    this.kernel = kernel;
    this.#vfs = vfs;
    this.#served = served;
  }

  /** The disk cache is the house's from now on. `metadataTtlMs`: for how long it trusts what it was told. */
  static async open(
    { registry, clientFor }: Pick<Sources, 'registry' | 'clientFor'>,
    disk: DiskCache | undefined,
    metadataTtlMs: number,
  ): Promise<RehearsalHouse> {
    const cache = new CachedResources(
      { ...DEFAULT_CACHE_OPTIONS, memoryBytes: MEMORY_BYTES * BLOCK_SHARE, metadataTtlMs },
      { clientFor, log: NO_LOG, ...(disk === undefined ? {} : { disk }) },
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
    await kernel.greet();
    return new RehearsalHouse(kernel, vfs, served);
  }

  async close(): Promise<void> {
    this.kernel.end();
    await this.#served;
    await this.#vfs.close();
  }
}

/** Nothing is handed to the kernel. */
const NO_KERNEL: ConstructorParameters<typeof BackingFiles>[0] = {
  openBacking: () => {
    throw new Error('there is no kernel');
  },
  closeBacking: () => undefined,
};
