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
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';

import { DEFAULT_CACHE_OPTIONS } from '../../src/cache/cached-resources.js';
import { orAborted } from '../../src/cache/or-aborted.js';
import { DEFAULT_QUIET_QUEUE_OPTIONS } from '../../src/cache/quiet-queue.js';
import { composeSources, type SourceOptions, type Sources } from '../compose-sources.js';
import { RehearsalDisk } from './rehearsal-disk.js';
import { NO_LOG, RehearsalHouse } from './rehearsal-house.js';
import type { RehearsalKernel } from './rehearsal-kernel.js';
import { LARGE_FILES, LONG_INDEX_PREFIX, RehearsalOrigin, SMALL_FILES } from './rehearsal-origin.js';

/** What the mount is like. */
export interface RehearsalStage {
  readonly sources: SourceOptions;
  /** What the disk cache may take; 0: there is none. The rehearsal has one of its own, where temporary files are. */
  readonly cacheBytes: number;
}

export interface RehearsalPlan {
  readonly scenes: number;
  /** In each scene: how many small files are opened and read, how many reads the large ones get, how often a directory is listed. */
  readonly opens: number;
  readonly reads: number;
  readonly lists: number;
  /** In each of the first scenes: how many small files are opened again by another mount of the same disk cache. */
  readonly reopenings: number;
}

export const DEFAULT_REHEARSAL: RehearsalPlan = {
  scenes: 6,
  opens: 100,
  reads: 200,
  lists: 2,
  reopenings: 10,
};

const READ_BYTES = 4096;
const LARGE_READ_BYTES = 1024 * 1024;
/** What lies so near is read as a region. */
const NEAR_BYTES = 64 * 1024;
const LARGE_READS = 8;
/** What was stored is opened once after a start: this code need not be the fastest, only made. */
const SCENES_WITH_REOPENINGS = 2;
const UNTIL_STORED_MS = 1.5 * DEFAULT_QUIET_QUEUE_OPTIONS.quietMs;
const EXPIRED_TTL_MS = 1;
/** How much code runs before V8 makes it fast (its flag `interrupt-budget`), here and by default. */
const EAGER_BUDGET = 10_000;
const USUAL_BUDGET = 66 * 1024;

/** Runs to its end, or until `signal` fires. Rejects with what went wrong, which hurts nobody but it. */
export async function rehearse(
  signal: AbortSignal,
  stage: RehearsalStage,
  plan = DEFAULT_REHEARSAL,
): Promise<void> {
  setFlagsFromString(`--interrupt-budget=${EAGER_BUDGET}`);
  try {
    for (let scene = 0; scene < plan.scenes; scene += 1) {
      await play(signal, stage, {
        ...plan,
        reopenings: scene < SCENES_WITH_REOPENINGS ? plan.reopenings : 0,
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    setFlagsFromString(`--interrupt-budget=${USUAL_BUDGET}`);
  }
}

/** With everything made anew, since code that has served one object alone is made for that one. */
async function play(signal: AbortSignal, stage: RehearsalStage, plan: RehearsalPlan): Promise<void> {
  const origin = await RehearsalOrigin.create();
  // What is in the tree is rehearsed, whoever serves its schemes, with an origin on loopback.
  const own = { pluginOverride: [], offline: false, allowAddress: ['127.0.0.0/8'] };
  const sources = composeSources({ ...stage.sources, ...own }, NO_LOG);
  // Where there is no place for temporary files, the rest is rehearsed without it.
  const disk = stage.cacheBytes > 0 ? await RehearsalDisk.create(stage.cacheBytes) : undefined;
  try {
    await perform(sources, disk, DEFAULT_CACHE_OPTIONS.metadataTtlMs, async (kernel) => {
      await inTurns(signal, steps(kernel, origin.host, plan));
      if (disk === undefined || plan.reopenings === 0 || signal.aborted) return;
      await sleep(UNTIL_STORED_MS, undefined, { signal });
      // What was stored long ago is asked for anew.
      await perform(sources, disk, EXPIRED_TTL_MS, (second) =>
        inTurns(signal, reopeningSteps(second, origin.host, plan)),
      );
    });
  } finally {
    await sources.close();
    origin.close();
    await disk?.remove();
  }
}

async function perform(
  sources: Sources,
  disk: RehearsalDisk | undefined,
  metadataTtlMs: number,
  scene: (kernel: RehearsalKernel) => Promise<void>,
): Promise<void> {
  const house = await RehearsalHouse.open(sources, await disk?.open(), metadataTtlMs);
  try {
    await scene(house.kernel);
  } finally {
    // What is removed is not written to the disk when the store is closed.
    await disk?.remove();
    await house.close();
  }
}

async function inTurns(signal: AbortSignal, steps: Iterable<() => Promise<unknown>>): Promise<void> {
  for (const step of steps) {
    if (signal.aborted) return;
    // Whatever a step waits for, the end of the mount does not.
    await orAborted(step(), signal, 'rehearsal');
    await nextTurn();
  }
}

/** Of what was opened first. */
function* reopeningSteps(
  kernel: RehearsalKernel,
  host: string,
  { reopenings }: RehearsalPlan,
): Generator<() => Promise<unknown>> {
  for (let open = 0; open < reopenings; open += 1) {
    yield async () => await openSmall(kernel, host, open);
  }
}

async function openSmall(kernel: RehearsalKernel, host: string, number: number): Promise<void> {
  const file = await kernel.open(['http', host, `dir${number % 2}`, `file${number % SMALL_FILES}`]);
  await kernel.read(file, 0, READ_BYTES);
  await kernel.release(file);
}

function* steps(
  kernel: RehearsalKernel,
  host: string,
  { opens, reads, lists }: RehearsalPlan,
): Generator<() => Promise<unknown>> {
  for (let open = 0; open < opens; open += 1) {
    // Some once more.
    yield async () => await openSmall(kernel, host, open % 4 === 3 ? open - 2 : open);
  }
  for (const [name, bytes] of LARGE_FILES) {
    yield* readingSteps(kernel, ['http', host, 'dir', name], bytes, reads / LARGE_FILES.size);
  }
  for (let list = 0; list < lists; list += 1) {
    const directory = ['http', host, `${LONG_INDEX_PREFIX}${list}`];
    yield async () => await kernel.list(directory);
    yield async () => await kernel.look([...directory, `file${list % SMALL_FILES}`]);
  }
}

/** Scattered reads, without a pattern that is followed; some that come back to where others were; one after the other. */
function* readingSteps(
  kernel: RehearsalKernel,
  path: readonly string[],
  sizeBytes: number,
  reads: number,
): Generator<() => Promise<unknown>> {
  let file = { node: 0, handle: 0 };
  yield async () => {
    file = await kernel.open(path);
  };
  for (let read = 0; read < reads; read += 1) {
    const far = ((read * read * 7919) % (sizeBytes / LARGE_READ_BYTES)) * LARGE_READ_BYTES;
    const near = sizeBytes - LARGE_READ_BYTES + (((read / 4) * 5) % 16) * NEAR_BYTES;
    yield async () => await kernel.read(file, read % 4 === 0 ? near : far, READ_BYTES);
  }
  for (let read = 0; read < LARGE_READS; read += 1) {
    yield async () => await kernel.read(file, read * LARGE_READ_BYTES, LARGE_READ_BYTES);
  }
  yield async () => await kernel.release(file);
}
