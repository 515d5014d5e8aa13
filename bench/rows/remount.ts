import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { WARM_UP_BYTES } from '../fixtures.js';
import { type Mounted, type Mounter, onMount } from '../mounter.js';
import { dropPageCache, writeBack } from '../page-cache.js';
import type { Row } from '../row.js';
import { readThrough } from '../sequential-read.js';
import { mountersOf, type Setup } from '../setup.js';
import type { Subject } from '../subject.js';
import { noWarmUp, sequentialReads } from '../warm-up.js';

/**
 * The first mount is left alone for so long before it ends: it stores what it has read, and brings the copy into the page
 * cache. The local file waits as long, since a host may take back memory that lies free.
 */
const REST_MS = 10_000;
const DOWNLOAD_LIMIT_MS = 180_000;

/** The large file again, from the disk cache of a mount that is gone. */
export const remountDropped: Row = remount('remount-dropped', true);
export const remountWarm: Row = remount('remount-warm', false);

function remount(name: string, isDropped: boolean): Row {
  return {
    name,
    metrics: [
      { name: 'rate', unit: 'MB/s', better: 'more', targets: [{ times: 'local', factor: 0.9 }] },
      // Else it is not the disk cache that was measured.
      { name: 'sent by origin', unit: 'MB', better: 'less', targets: [{ limit: 1 }] },
    ],
    subjects: async (setup) => {
      const file = await setup.fixtures.large();
      // The peer's other modes keep nothing.
      const keeping = mountersOf(setup).filter(({ role, name }) => role === 'ours' || name.includes('full'));
      return [
        localFile(setup, file, isDropped),
        download(setup, file, isDropped),
        ...keeping.map((mounter) => secondMount(setup, mounter, file, isDropped)),
      ];
    },
  };
}

function localFile({ scratch, fixtures }: Setup, file: string, isDropped: boolean): Subject {
  const path = join(fixtures.root, file);
  return {
    role: 'local',
    name: 'dd',
    measure: async () => {
      await readThrough(scratch, path, fixtures.largeBytes);
      if (isDropped) await dropPageCache(scratch);
      await sleep(REST_MS);
      return { rate: await readThrough(scratch, path, fixtures.largeBytes) };
    },
  };
}

/**
 * The file as curl downloads it, as old as the mount's copy. The
 * origin's own file was written in other pieces, at another time, and can be twice as fast in the page cache.
 */
function download({ scratch, origin, fixtures }: Setup, file: string, isDropped: boolean): Subject {
  return {
    role: 'local',
    name: 'dd of a download',
    measure: async () => {
      const directory = await scratch.directory('download');
      const path = join(directory.path, 'file');
      try {
        await scratch.programs.run(
          'curl',
          ['-sf', '-o', path, `http://${origin.host}/${file}`],
          DOWNLOAD_LIMIT_MS,
        );
        await sleep(REST_MS);
        await writeBack(scratch);
        if (isDropped) await dropPageCache(scratch);
        return { rate: await readThrough(scratch, path, fixtures.largeBytes) };
      } finally {
        await directory.remove();
      }
    },
  };
}

function secondMount(setup: Setup, mounter: Mounter, file: string, isDropped: boolean): Subject {
  const { scratch, origin, fixtures } = setup;
  return {
    role: mounter.role,
    name: mounter.name,
    measure: async () => {
      const cache = await scratch.directory('cache');
      const request = { origin, cacheDirectory: cache.path };
      const read = ({ root }: Mounted): Promise<number> =>
        readThrough(scratch, join(root, file), fixtures.largeBytes);
      try {
        const warmUpFile = await fixtures.warmUp();
        await onMount(mounter, request, noWarmUp, async (mounted) => {
          await readThrough(scratch, join(mounted.root, warmUpFile), WARM_UP_BYTES);
          await read(mounted);
          await sleep(REST_MS);
        });
        await writeBack(scratch);
        if (isDropped) await dropPageCache(scratch);
        return await onMount(mounter, request, sequentialReads(setup, warmUpFile), async (mounted) => {
          const count = await origin.count();
          const rate = await read(mounted);
          return { rate, 'sent by origin': (await count()).bytes / 1e6 };
        });
      } finally {
        await cache.remove();
      }
    },
  };
}
