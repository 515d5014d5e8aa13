import { join } from 'node:path';

import { contendersOf, onMount } from '../contender.js';
import { LISTING_ENTRIES } from '../fixtures.js';
import type { Entrant, Row } from '../row.js';

const LIMIT_MS = 180_000;

/**
 * `ls -l` of a large directory, which nginx shows as one index page: of one that the listing of its parent
 * names, and of one that nobody knows. The latter may cost a request more, which tells that it is a directory.
 * Each is measured on a mount of its own, in which nothing is cached.
 */
export const listing: Row = {
  name: 'listing',
  metrics: [
    { name: 'time', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.2 }] },
    { name: 'requests', unit: '', better: 'less', targets: [{ limit: 1 }] },
    { name: 'time, unknown', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.2 }] },
    { name: 'requests, unknown', unit: '', better: 'less', targets: [{ limit: 2 }] },
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
    const listIn = async (root: string): Promise<{ time: number; requests: number }> => {
      const count = await origin.count();
      const time = await list(join(root, directory));
      return { time, requests: (await count()).requests };
    };
    const mounts = contendersOf(stage).map((contender): Entrant => {
      const { role, name } = contender;
      const measure: Entrant['measure'] = async () => {
        const known = await onMount(contender, { origin }, async ({ root }) => {
          await scratch.programs.run('ls', [root], LIMIT_MS);
          return await listIn(root);
        });
        // The peer lists its root when it is mounted, and looks names up in listings alone.
        const unknown = await onMount(contender, { origin }, async ({ root }) => await listIn(root));
        return { ...known, 'time, unknown': unknown.time, 'requests, unknown': unknown.requests };
      };
      return { role, name, measure };
    });
    const local = async (): Promise<{ time: number }> => ({
      time: await list(join(fixtures.root, directory)),
    });
    return [{ role: 'local', name: 'ls', measure: local }, ...mounts];
  },
};
