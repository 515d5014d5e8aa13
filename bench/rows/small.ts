import { contendersOf, onFreshMounts } from '../contender.js';
import { SMALL_FILES } from '../fixtures.js';
import type { Row } from '../row.js';
import { bareEntrants, firstBlocks, readMounted, type Timing } from '../workload.js';

/** One reader, files of 4 KiB one after the other, cold. */
export const small: Row = {
  name: 'small',
  metrics: [{ name: 'rate', unit: '/s', better: 'more', targets: [{ times: 'bare', factor: 0.4 }] }],
  enter: async (stage) => {
    const { scratch, origin } = stage;
    const workload = firstBlocks(await stage.fixtures.small(), SMALL_FILES);
    const figures = ({ seconds }: Timing): { rate: number } => ({ rate: SMALL_FILES / seconds });
    return [
      ...bareEntrants(scratch, origin, () => workload, figures),
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }) =>
        figures(await readMounted(scratch, root, workload)),
      ),
    ];
  },
};
