import { contendersOf, onFreshMounts } from '../contender.js';
import { FIRST_FILES } from '../fixtures.js';
import { median } from '../median.js';
import type { Figures, Row } from '../row.js';
import { bareEntrants, firstBlocks, readMounted, type Timing } from '../workload.js';

/**
 * From open to the first 4 KiB of a file that nobody has opened, on a mount that answers. The very first of
 * them stands apart: it pays for the warming up of the serving process, and for the peer's listing.
 */
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
    { name: 'the very first', unit: 'us', better: 'less', targets: [] },
  ],
  enter: async (stage) => {
    const { scratch, origin } = stage;
    const workload = firstBlocks(await stage.fixtures.first(), FIRST_FILES);
    const figures = ({ microseconds }: Timing): Figures => ({
      time: median(microseconds.slice(1)),
      'the very first': microseconds[0] ?? Number.NaN,
    });
    return [
      ...bareEntrants(scratch, origin, () => workload, figures),
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }) =>
        figures(await readMounted(scratch, root, workload)),
      ),
    ];
  },
};
