import { type Contender, contendersOf, onMount } from '../contender.js';
import type { Entrant, Row } from '../row.js';
import type { Stage } from '../stage.js';
import { randomWorkload, readMounted } from '../workload.js';

const READS = 1000;

/** How much an origin sends for a read of 4 KiB at a random offset. */
export const amplification: Row = {
  name: 'amplification',
  metrics: [
    { name: 'sent for 4 KiB', unit: 'KiB', better: 'less', targets: [{ limit: 64 }] },
    { name: 'requests', unit: '/read', better: 'less', targets: [] },
  ],
  enter: async (stage) => {
    const file = await stage.fixtures.large();
    return contendersOf(stage).map((contender) => countReads(stage, contender, file));
  },
};

function countReads({ scratch, origin, fixtures }: Stage, contender: Contender, file: string): Entrant {
  return {
    role: contender.role,
    name: contender.name,
    measure: async (round) => {
      const workload = randomWorkload(file, fixtures.largeBytes, READS, round);
      // Counted after the unmount: what is still under way then has been logged.
      const count = await onMount(contender, { origin }, async ({ root }) => {
        const counting = await origin.count();
        await readMounted(scratch, root, workload);
        return counting;
      });
      const { bytes, requests } = await count();
      return { 'sent for 4 KiB': bytes / READS / 1024, requests: requests / READS };
    },
  };
}
