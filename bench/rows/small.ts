import { onFreshMounts } from '../mounter.js';
import type { Row } from '../row.js';
import { mountersOf } from '../setup.js';
import { openings, OPERATIONS } from '../warm-up.js';
import { bareSubjects, firstBlocks, readMounted, type Timing } from '../workload.js';

const FILES = 500;

/** One reader, files of 4 KiB one after the other. */
export const small: Row = {
  name: 'small',
  metrics: [{ name: 'rate', unit: '/s', better: 'more', targets: [{ times: 'bare', factor: 0.4 }] }],
  subjects: async (setup) => {
    const { scratch, origin, fixtures } = setup;
    const workload = firstBlocks(await fixtures.small('small', FILES), FILES);
    const warmUp = openings(setup, await fixtures.small('small-warm-up', OPERATIONS));
    const figures = ({ seconds }: Timing): { rate: number } => ({ rate: FILES / seconds });
    return [
      ...bareSubjects(scratch, origin, () => workload, figures),
      ...onFreshMounts(mountersOf(setup), { origin }, warmUp, async ({ root }) =>
        figures(await readMounted(scratch, root, workload)),
      ),
    ];
  },
};
