import { median } from '../median.js';
import { onFreshMounts } from '../mounter.js';
import type { Row } from '../row.js';
import { mountersOf } from '../setup.js';
import type { Figures } from '../subject.js';
import { openings, OPERATIONS } from '../warm-up.js';
import { bareSubjects, firstBlocks, readMounted, type Timing } from '../workload.js';

const FILES = 20;

/** From open to the first 4 KiB of a file that was not opened before. */
export const first: Row = {
  name: 'first',
  metrics: [
    {
      name: 'time',
      unit: 'us',
      better: 'less',
      targets: [
        { times: 'bare', factor: 3 },
        { times: 'peer', factor: 0.3 },
      ],
    },
  ],
  subjects: async (setup) => {
    const { scratch, origin, fixtures } = setup;
    const workload = firstBlocks(await fixtures.heads('first', FILES), FILES);
    const warmUp = openings(setup, await fixtures.heads('first-warm-up', OPERATIONS));
    const figures = ({ microseconds }: Timing): Figures => ({ time: median(microseconds) });
    return [
      ...bareSubjects(scratch, origin, () => workload, figures),
      ...onFreshMounts(mountersOf(setup), { origin }, warmUp, async ({ root }) =>
        figures(await readMounted(scratch, root, workload)),
      ),
    ];
  },
};
