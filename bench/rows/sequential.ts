import { join } from 'node:path';

import { type Contender, contendersOf, type MountRequest, onFreshMounts } from '../contender.js';
import { warm } from '../page-cache.js';
import type { Entrant, Row } from '../row.js';
import { readThrough, transfer } from '../sequential-read.js';
import type { Stage } from '../stage.js';

const rate = { name: 'rate', unit: 'MB/s', better: 'more' } as const;

/** One reader, a large file from begin to end, cold. */
export const sequential: Row = {
  name: 'sequential',
  metrics: [
    {
      ...rate,
      targets: [
        { times: 'bare', factor: 0.5 },
        { times: 'peer', factor: 1.5 },
      ],
    },
  ],
  enter: async (stage) => [
    await bare(stage),
    ...(await coldReaders(stage, contendersOf(stage), { origin: stage.origin })),
  ],
};

/** As `sequential`, with nothing kept on disk: what the transports and the reading alone can do. */
export const sequentialMemory: Row = {
  name: 'sequential-memory',
  metrics: [{ ...rate, targets: [{ times: 'bare', factor: 0.45 }] }],
  enter: async (stage) => [
    await bare(stage),
    ...(await coldReaders(stage, [stage.ours], {
      origin: stage.origin,
      options: stage.ours.hasDiskCache ? ['--cache-size', '0'] : [],
    })),
    ...(await coldReaders(
      stage,
      stage.peers.filter(({ name }) => name.endsWith('off')),
      { origin: stage.origin },
    )),
  ],
};

async function bare({ scratch, origin, fixtures }: Stage): Promise<Entrant> {
  const file = await fixtures.large();
  return {
    role: 'bare',
    name: 'curl',
    measure: async () => {
      await warm(scratch, join(origin.root, file));
      return { rate: await transfer(scratch, `http://${origin.host}/${file}`, fixtures.largeBytes) };
    },
  };
}

async function coldReaders(
  { scratch, origin, fixtures }: Stage,
  contenders: readonly Contender[],
  request: MountRequest,
): Promise<Entrant[]> {
  const file = await fixtures.large();
  return onFreshMounts(contenders, request, async ({ root }) => {
    await warm(scratch, join(origin.root, file));
    return { rate: await readThrough(scratch, join(root, file), fixtures.largeBytes) };
  });
}
