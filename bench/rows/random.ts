import { contendersOf, onFreshMounts } from '../contender.js';
import type { Row } from '../row.js';
import { bareEntrants, randomWorkload, readMounted, type Timing, type Workload } from '../workload.js';

const READS = 1000;

/** One reader, 4 KiB at random offsets of a large file, cold. */
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
  ],
  enter: async (stage) => {
    const { scratch, origin, fixtures } = stage;
    const file = await fixtures.large();
    const workload = (round: number): Workload => randomWorkload(file, fixtures.largeBytes, READS, round);
    const figures = ({ seconds }: Timing): { rate: number } => ({ rate: READS / seconds });
    return [
      ...bareEntrants(scratch, origin, workload, figures),
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }, round) =>
        figures(await readMounted(scratch, root, workload(round))),
      ),
    ];
  },
};
