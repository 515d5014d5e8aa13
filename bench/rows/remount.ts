import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { type Contender, contendersOf, type Mounted, onMount, SETTLE_MS } from '../contender.js';
import { dropPageCache, writeBack } from '../page-cache.js';
import type { Entrant, Row } from '../row.js';
import { readThrough } from '../sequential-read.js';
import type { Stage } from '../stage.js';

/**
 * A mount stands for a while after a file was read, and does then what it leaves for quiet times. The local file
 * waits as long, since a host may take back memory that lies free.
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
    enter: async (stage) => {
      if (!stage.ours.hasDiskCache) return 'this version of d7y-mount has no --cache-dir';
      const file = await stage.fixtures.large();
      // The peer's other modes keep nothing.
      const keeping = contendersOf(stage).filter(
        ({ role, name }) => role === 'ours' || name.includes('full'),
      );
      return [
        localFile(stage, file, isDropped),
        download(stage, file, isDropped),
        ...keeping.map((contender) => secondMount(stage, contender, file, isDropped)),
      ];
    },
  };
}

function localFile({ scratch, fixtures }: Stage, file: string, isDropped: boolean): Entrant {
  const path = join(fixtures.root, file);
  return {
    role: 'local',
    name: 'dd',
    measure: async () => {
      await readThrough(scratch, path, fixtures.largeBytes);
      if (isDropped) await dropPageCache(scratch, join(path, '..'));
      await sleep(REST_MS);
      return { rate: await readThrough(scratch, path, fixtures.largeBytes) };
    },
  };
}

/**
 * What who has no mount would read: the file downloaded by curl, as old as what a mount has stored by then. The
 * origin's own file was written in other pieces, at another time, and can be twice as fast in the page cache.
 */
function download({ scratch, origin, fixtures }: Stage, file: string, isDropped: boolean): Entrant {
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
        if (isDropped) await dropPageCache(scratch, directory.path);
        await sleep(SETTLE_MS);
        return { rate: await readThrough(scratch, path, fixtures.largeBytes) };
      } finally {
        await directory.remove();
      }
    },
  };
}

function secondMount(stage: Stage, contender: Contender, file: string, isDropped: boolean): Entrant {
  const { scratch, origin, fixtures } = stage;
  return {
    role: contender.role,
    name: contender.name,
    measure: async () => {
      const cache = await scratch.directory('cache');
      const request = { origin, cacheDirectory: cache.path };
      const read = ({ root }: Mounted): Promise<number> =>
        readThrough(scratch, join(root, file), fixtures.largeBytes);
      try {
        await onMount(contender, request, async (mounted) => {
          await read(mounted);
          await sleep(REST_MS);
        });
        await writeBack(scratch);
        if (isDropped) await dropPageCache(scratch, cache.path);
        const count = await origin.count();
        const rate = await onMount(contender, request, read);
        return { rate, 'sent by origin': (await count()).bytes / 1e6 };
      } finally {
        await cache.remove();
      }
    },
  };
}
