import { join } from 'node:path';

import { MANY_FILES } from '../fixtures.js';
import { watchMemory } from '../memory-watch.js';
import { type Mounted, onFreshMounts } from '../mounter.js';
import type { Row } from '../row.js';
import type { Figures } from '../subject.js';
import { sequentialReads } from '../warm-up.js';
import { readerProgram } from '../workload.js';

const LIMIT_MS = 240_000;
const MIB = 1024 * 1024;

interface Progress {
  readonly seconds: number;
  readonly bytes: number;
  /** The slowest reader's part of the median reader's. */
  readonly progress: number;
}

/** Many readers of as many files at once, with half of the memory that is usual. */
export const many: Row = {
  name: 'many',
  metrics: [
    { name: 'memory', unit: 'MiB', better: 'less', targets: [{ limit: 280 }] },
    { name: 'slowest', unit: 'x median', better: 'more', targets: [{ limit: 0.3 }] },
    { name: 'rate', unit: 'MB/s', better: 'more', targets: [] },
  ],
  subjects: async (setup) => {
    const { scratch, origin, fixtures } = setup;
    const directory = await fixtures.many();
    const warmUp = sequentialReads(setup, await fixtures.warmUp());
    const measure = async ({ root, pid }: Mounted): Promise<Figures> => {
      const watched = watchMemory(pid);
      try {
        const args = [readerProgram('many.py'), join(root, directory), String(MANY_FILES)];
        const { stdout } = await scratch.programs.run('python3', args, LIMIT_MS);
        const { seconds, bytes, progress } = JSON.parse(stdout) as Progress;
        return { memory: watched() / MIB, slowest: progress, rate: bytes / 1e6 / seconds };
      } finally {
        watched();
      }
    };
    return [
      ...onFreshMounts([setup.ours], { origin, options: ['--memory', '128MiB'] }, warmUp, measure),
      ...onFreshMounts(setup.peers, { origin }, warmUp, measure),
    ];
  },
};
