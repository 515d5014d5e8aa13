import { join } from 'node:path';

import { contendersOf, onFreshMounts } from '../contender.js';
import { MANY_FILES } from '../fixtures.js';
import { watchMemory } from '../memory-watch.js';
import type { Row } from '../row.js';
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
  enter: async (stage) => {
    const { scratch, origin, fixtures } = stage;
    const directory = await fixtures.many();
    const [ours, ...peers] = contendersOf(stage);
    return [
      ...onFreshMounts(
        ours === undefined ? [] : [ours],
        { origin, options: ['--memory', '128MiB'] },
        measure,
      ),
      ...onFreshMounts(peers, { origin }, measure),
    ];

    async function measure({ root, pid }: { root: string; pid: number }): Promise<Record<string, number>> {
      const watched = watchMemory(pid);
      try {
        const args = [readerProgram('many.py'), join(root, directory), String(MANY_FILES)];
        const { stdout } = await scratch.programs.run('python3', args, LIMIT_MS);
        const { seconds, bytes, progress } = JSON.parse(stdout) as Progress;
        return { memory: watched() / MIB, slowest: progress, rate: bytes / 1e6 / seconds };
      } finally {
        watched();
      }
    }
  },
};
