import { type Mounter, onMount } from '../mounter.js';
import type { Row } from '../row.js';
import { mountersOf, type Setup } from '../setup.js';
import type { Figures } from '../subject.js';
import { randomReads } from '../warm-up.js';
import { bareSubjects, randomWorkload, readMounted, type Workload } from '../workload.js';

const READS = 1000;

/** One reader, 4 KiB at random offsets of a large file, and what the origin sends for that. */
export const random: Row = {
  name: 'random',
  metrics: [
    {
      name: 'rate',
      unit: '/s',
      better: 'more',
      targets: [
        { times: 'bare', factor: 0.5 },
        { times: 'peer', factor: 5 },
      ],
    },
    { name: 'sent for 4 KiB', unit: 'KiB', better: 'less', targets: [{ limit: 64 }] },
    { name: 'requests', unit: '/read', better: 'less', targets: [] },
  ],
  subjects: async (setup) => {
    const { scratch, origin, fixtures } = setup;
    const file = await fixtures.large();
    const workload = (round: number): Workload => randomWorkload(file, fixtures.largeBytes, READS, round);
    return [
      ...bareSubjects(scratch, origin, workload, ({ seconds }) => ({ rate: READS / seconds })),
      ...mountersOf(setup).map((mounter) => ({
        role: mounter.role,
        name: mounter.name,
        measure: (round: number) => readRandomly(setup, mounter, workload(round)),
      })),
    ];
  },
};

async function readRandomly(setup: Setup, mounter: Mounter, workload: Workload): Promise<Figures> {
  const { scratch, origin } = setup;
  const { seconds, count } = await onMount(mounter, setup, await randomReads(setup), async ({ root }) => {
    const counting = await origin.count();
    return { ...(await readMounted(scratch, root, workload)), count: counting };
  });
  // After the unmount, when all requests have been logged.
  const { bytes, requests } = await count();
  return { rate: READS / seconds, 'sent for 4 KiB': bytes / READS / 1024, requests: requests / READS };
}
