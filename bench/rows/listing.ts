import { join } from 'node:path';

import { contendersOf, onFreshMounts } from '../contender.js';
import { LISTING_ENTRIES } from '../fixtures.js';
import type { Row } from '../row.js';

const LIMIT_MS = 180_000;

/** `ls -l` of a large directory, which nginx shows as one index page. */
export const listing: Row = {
  name: 'listing',
  metrics: [
    { name: 'time', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.2 }] },
    { name: 'requests', unit: '', better: 'less', targets: [{ limit: 1 }] },
  ],
  enter: async (stage) => {
    const { scratch, origin, fixtures } = stage;
    const directory = await fixtures.listing();
    const list = async (path: string): Promise<number> => {
      const { stdout, elapsedMs } = await scratch.programs.run('ls', ['-l', path], LIMIT_MS);
      const sizes = [...stdout.matchAll(/^-\S+ +\d+ \S+ \S+ +(\d+) .* (\d+)\.bin$/gm)];
      const right = sizes.filter(([, size, number]) => Number(size) === Number(number) % 100);
      if (right.length !== LISTING_ENTRIES) throw new Error(`${path}: ${right.length} right entries`);
      return elapsedMs;
    };
    return [
      {
        role: 'local',
        name: 'ls',
        measure: async () => ({ time: await list(join(fixtures.root, directory)) }),
      },
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }) => {
        const count = await origin.count();
        const time = await list(join(root, directory));
        return { time, requests: (await count()).requests };
      }),
    ];
  },
};
