import { join } from 'node:path';

import { contendersOf, onFreshMounts } from '../contender.js';
import type { Row } from '../row.js';
import type { Scratch } from '../scratch.js';

const LIMIT_MS = 180_000;

/** A cold check of a database, which reads all of its pages in the order of its trees. */
export const sqlite: Row = {
  name: 'sqlite',
  metrics: [{ name: 'time', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.1 }] }],
  enter: async (stage) => {
    const { scratch, origin, fixtures } = stage;
    const file = await fixtures.database();
    return [
      {
        role: 'local',
        name: 'sqlite3',
        measure: async () => ({ time: await checkDatabase(scratch, join(fixtures.root, file)) }),
      },
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }) => ({
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
