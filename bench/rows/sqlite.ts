import { join } from 'node:path';

import { onFreshMounts } from '../mounter.js';
import type { Row } from '../row.js';
import type { Scratch } from '../scratch.js';
import { mountersOf } from '../setup.js';

const LIMIT_MS = 180_000;
const ROWS = 125_000;
/** A thousand pages. */
const WARM_UP_ROWS = 16_000;

/** The check of a database, which reads all of its pages in the order of its trees. */
export const sqlite: Row = {
  name: 'sqlite',
  metrics: [{ name: 'time', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.1 }] }],
  subjects: async (setup) => {
    const { scratch, origin, fixtures } = setup;
    const file = await fixtures.database('items.db', ROWS);
    const warmUpFile = await fixtures.database('warm-up.db', WARM_UP_ROWS);
    const warmUp = async (root: string): Promise<void> =>
      void (await checkDatabase(scratch, join(root, warmUpFile)));
    return [
      {
        role: 'local',
        name: 'sqlite3',
        measure: async () => ({ time: await checkDatabase(scratch, join(fixtures.root, file)) }),
      },
      ...onFreshMounts(mountersOf(setup), { origin }, warmUp, async ({ root }) => ({
        time: await checkDatabase(scratch, join(root, file)),
      })),
    ];
  },
};

async function checkDatabase(scratch: Scratch, path: string): Promise<number> {
  const args = ['-readonly', path, 'pragma integrity_check'];
  const { stdout, elapsedMs } = await scratch.programs.run('sqlite3', args, LIMIT_MS);
  if (stdout !== 'ok\n') throw new Error(`${path}: ${stdout}`);
  return elapsedMs;
}
