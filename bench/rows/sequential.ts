import { join } from 'node:path';

import { contendersOf, onFreshMounts } from '../contender.js';
import { warm } from '../page-cache.js';
import type { Row } from '../row.js';
import { readThrough, transfer } from '../sequential-read.js';

/** One reader, a large file from begin to end, cold. */
export const sequential: Row = {
  name: 'sequential',
  metrics: [
    {
      name: 'rate',
      unit: 'MB/s',
      better: 'more',
      targets: [
        { times: 'bare', factor: 0.5 },
        { times: 'peer', factor: 1.5 },
      ],
    },
  ],
  enter: async (stage) => {
    const { scratch, origin, fixtures } = stage;
    const file = await fixtures.large();
    const source = join(origin.root, file);
    return [
      {
        role: 'bare',
        name: 'curl',
        measure: async () => {
          await warm(scratch, source);
          return { rate: await transfer(scratch, `http://${origin.host}/${file}`, fixtures.largeBytes) };
        },
      },
      ...onFreshMounts(contendersOf(stage), { origin }, async ({ root }) => {
        await warm(scratch, source);
        return { rate: await readThrough(scratch, join(root, file), fixtures.largeBytes) };
      }),
    ];
  },
};
