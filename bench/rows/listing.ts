import { join } from 'node:path';

import { type Mounter, onMount } from '../mounter.js';
import type { Row } from '../row.js';
import { mountersOf, type Setup } from '../setup.js';
import type { Figures } from '../subject.js';
import { OPERATIONS } from '../warm-up.js';

const LIMIT_MS = 180_000;
const ENTRIES = 10_000;

/**
 * `ls -l` of a large directory, which nginx shows as one index page: of one that a listing of its parent names, and of one
 * that no listing names, which may cost one more request. Each is measured on a mount of its own.
 */
export const listing: Row = {
  name: 'listing',
  metrics: [
    { name: 'time', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.2 }] },
    { name: 'requests', unit: '', better: 'less', targets: [{ limit: 1 }] },
    { name: 'time, unknown', unit: 'ms', better: 'less', targets: [{ times: 'peer', factor: 0.2 }] },
    { name: 'requests, unknown', unit: '', better: 'less', targets: [{ limit: 2 }] },
  ],
  subjects: async (setup) => {
    const { fixtures } = setup;
    const directory = await fixtures.listing('listing', ENTRIES);
    const warmUpDirectory = await fixtures.listing('listing-warm-up/files', OPERATIONS);
    const warmUp = async (root: string): Promise<void> =>
      void (await list(setup, join(root, warmUpDirectory), OPERATIONS));
    const listOn = async (mounter: Mounter, isKnown: boolean): Promise<{ time: number; requests: number }> =>
      await onMount(mounter, setup, warmUp, async ({ root }) => {
        if (isKnown) await setup.scratch.programs.run('ls', [root], LIMIT_MS);
        const count = await setup.origin.count();
        const time = await list(setup, join(root, directory), ENTRIES);
        return { time, requests: (await count()).requests };
      });
    const measure = async (mounter: Mounter): Promise<Figures> => {
      const known = await listOn(mounter, true);
      // The peer lists its root when it is mounted, and finds names in listings alone.
      const unknown = await listOn(mounter, false);
      return { ...known, 'time, unknown': unknown.time, 'requests, unknown': unknown.requests };
    };
    return [
      {
        role: 'local',
        name: 'ls',
        measure: async () => ({ time: await list(setup, join(fixtures.root, directory), ENTRIES) }),
      },
      ...mountersOf(setup).map((mounter) => ({
        role: mounter.role,
        name: mounter.name,
        measure: () => measure(mounter),
      })),
    ];
  },
};

/** Milliseconds of `ls -l`, which has to show all entries with their sizes. */
async function list({ scratch }: Setup, path: string, entries: number): Promise<number> {
  const { stdout, elapsedMs } = await scratch.programs.run('ls', ['-l', path], LIMIT_MS);
  const sizes = [...stdout.matchAll(/^-\S+ +\d+ \S+ \S+ +(\d+) .* (\d+)\.bin$/gm)];
  const right = sizes.filter(([, size, number]) => Number(size) === Number(number) % 100);
  if (right.length !== entries) throw new Error(`${path}: ${right.length} right entries`);
  return elapsedMs;
}
