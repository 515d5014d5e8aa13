import { join } from 'node:path';

import { type Mounter, type MountRequest, onFreshMounts } from '../mounter.js';
import { warm } from '../page-cache.js';
import type { Row } from '../row.js';
import { readThrough, transfer } from '../sequential-read.js';
import { mountersOf, type Setup } from '../setup.js';
import type { Subject } from '../subject.js';
import { sequentialReads } from '../warm-up.js';

const rate = { name: 'rate', unit: 'MB/s', better: 'more' } as const;

/** One reader, a large file from begin to end. */
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
  subjects: async (setup) => [
    await bare(setup),
    ...(await readers(setup, mountersOf(setup), { origin: setup.origin })),
  ],
};

/** As `sequential`, with nothing kept on disk: what the transports and the reading alone can do. */
export const sequentialMemory: Row = {
  name: 'sequential-memory',
  metrics: [{ ...rate, targets: [{ times: 'bare', factor: 0.45 }] }],
  subjects: async (setup) => {
    const { origin, ours, peers } = setup;
    const withoutCache = peers.filter(({ name }) => name.endsWith('off'));
    return [
      await bare(setup),
      ...(await readers(setup, [ours], { origin, options: ['--cache-size', '0'] })),
      ...(await readers(setup, withoutCache, { origin })),
    ];
  },
};

async function bare({ scratch, origin, fixtures }: Setup): Promise<Subject> {
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

async function readers(
  setup: Setup,
  mounters: readonly Mounter[],
  request: MountRequest,
): Promise<Subject[]> {
  const { scratch, origin, fixtures } = setup;
  const file = await fixtures.large();
  const readWarmUp = sequentialReads(setup, await fixtures.warmUp());
  const warmUp = async (root: string): Promise<void> => {
    await warm(scratch, join(origin.root, file));
    await readWarmUp(root);
  };
  return onFreshMounts(mounters, request, warmUp, async ({ root }) => ({
    rate: await readThrough(scratch, join(root, file), fixtures.largeBytes),
  }));
}
