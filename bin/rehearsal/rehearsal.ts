/**
 * What a mount does while it is idle after its start, so that it serves as fast as it ever will when it is used.
 *
 * V8 makes fast code of what it has seen running. A mount that has just come up opens the first file in tens of
 * milliseconds, and a thousand reads later reads three times as fast as at first. So it opens, reads and lists
 * a made-up origin: requests as the kernel writes them go through all rooms of the house, to a server at the
 * other end of a socket pair, and nothing of it meets what the mount itself has open, cached or connected.
 *
 * Each step takes about a millisecond, and between two of them whoever uses the mount comes first.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

import { pino } from 'pino';

import { CachedResources } from '../../src/cache/cached-resources.js';
import { orAborted } from '../../src/cache/or-aborted.js';
import type { BackingFiles } from '../../src/mount/dev-fuse/backing-files.js';
import { FuseOperations } from '../../src/mount/dev-fuse/fuse-operations.js';
import { KernelPages } from '../../src/mount/dev-fuse/kernel-pages.js';
import { FuseSession } from '../../src/mount/dev-fuse/fuse-session.js';
import { FailureLog } from '../../src/mount/failure-log.js';
import { VirtualFs } from '../../src/mount/virtual-fs.js';
import { createHttpClient } from '../../src/source/http/http-client.js';
import { registerInTree } from '../../src/source/in-tree.js';
import { ClientRegistry } from '../../src/source/registry.js';
import { BLOCK_SHARE } from '../compose.js';
import { RehearsalDisk } from './rehearsal-disk.js';
import { RehearsalKernel } from './rehearsal-kernel.js';
import { HOST, LARGE_BYTES, RehearsalOrigin, SMALL_FILES } from './rehearsal-origin.js';

export interface RehearsalOptions {
  readonly scenes: number;
  /** In each scene: how many small files are opened and read, and how many reads the large one gets. */
  readonly opens: number;
  readonly reads: number;
}

export const DEFAULT_REHEARSAL: RehearsalOptions = { scenes: 3, opens: 100, reads: 200 };

/** What the rehearsal takes of the memory, until it is over. */
const MEMORY_BYTES = 4 * 1024 * 1024;
const READ_BYTES = 4096;
const LARGE_READ_BYTES = 1024 * 1024;
const LARGE_READS = 16;
/** How much code runs before V8 makes it fast (its flag `interrupt-budget`), here and by default. */
const EAGER_BUDGET = 10_000;
const USUAL_BUDGET = 66 * 1024;

/** Runs to its end, or until `signal` fires. Rejects with what went wrong, which hurts nobody but it. */
export async function rehearse(signal: AbortSignal, options = DEFAULT_REHEARSAL): Promise<void> {
  setFlagsFromString(`--interrupt-budget=${EAGER_BUDGET}`);
  try {
    for (let scene = 0; scene < options.scenes; scene += 1) await play(signal, options);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    setFlagsFromString(`--interrupt-budget=${USUAL_BUDGET}`);
  }
}

/** With everything made anew, since code that has served one object alone is made for that one. */
async function play(signal: AbortSignal, options: RehearsalOptions): Promise<void> {
  const origin = await RehearsalOrigin.create();
  const http = createHttpClient({ connect: origin.connect });
  const registry = new ClientRegistry();
  registerInTree(registry, { http });
  const log = pino({ enabled: false });
  const cache = new CachedResources(
    { memoryBytes: MEMORY_BYTES * BLOCK_SHARE },
    {
      clientFor: (url) => registry.getClient(url.slice(0, url.indexOf(':'))),
      log,
      disk: new RehearsalDisk(),
    },
  );
  const vfs = new VirtualFs({ cache, plugins: registry, ownership: { uid: 0, gid: 0, umask: 0 } });
  const rootAttr = await vfs.getattr(vfs.root, { id: 0 });
  const kernel = new RehearsalKernel();
  const operations = new FuseOperations(
    vfs,
    rootAttr,
    new FailureLog(log),
    NO_BACKING,
    new KernelPages(kernel),
  );
  const served = new FuseSession(kernel, operations).serve();
  try {
    await kernel.greet();
    for (const step of steps(kernel, options)) {
      if (signal.aborted) return;
      // Whatever a step waits for, the end of the mount does not.
      await orAborted(step(), signal, HOST);
      await nextTurn();
    }
  } finally {
    kernel.end();
    await served;
    await vfs.close();
    await http.close();
    origin.close();
  }
}

function* steps(
  kernel: RehearsalKernel,
  { opens, reads }: RehearsalOptions,
): Generator<() => Promise<unknown>> {
  for (let open = 0; open < opens; open += 1) {
    yield async () => {
      const file = await kernel.open(['http', HOST, `dir${open % 2}`, `file${open % SMALL_FILES}`]);
      await kernel.read(file, 0, READ_BYTES);
      await kernel.release(file);
    };
  }
  let file = { node: 0, handle: 0 };
  yield async () => {
    file = await kernel.open(['http', HOST, 'large']);
  };
  for (let read = 0; read < reads; read += 1) {
    // Scattered, and each only once.
    const offset = ((read * 7919) % (LARGE_BYTES / LARGE_READ_BYTES)) * LARGE_READ_BYTES;
    yield async () => await kernel.read(file, offset, READ_BYTES);
  }
  for (let read = 0; read < LARGE_READS; read += 1) {
    yield async () => await kernel.read(file, read * LARGE_READ_BYTES, LARGE_READ_BYTES);
  }
  yield async () => await kernel.release(file);
}

/** Nothing is handed to the kernel. */
const NO_BACKING: Pick<BackingFiles, 'acquire' | 'release'> = {
  acquire: () => undefined,
  release: () => undefined,
};
