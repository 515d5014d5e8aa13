import type { NginxOrigin } from '../origin.js';
import type { Metric, Row } from '../row.js';
import type { Setup } from '../setup.js';
import { listing } from './listing.js';
import { random } from './random.js';
import { sequential } from './sequential.js';
import { small } from './small.js';

const AHEAD = [{ times: 'peer', factor: 1 }] as const;

const started = new WeakMap<Setup, Promise<NginxOrigin>>();

/** Rows over s3: the same files by the same nginx, as objects of a bucket, of our mount and of `rclone mount :s3:`. */
export const bucketRows: readonly Row[] = [
  inBucket(sequential, { rate: AHEAD }),
  inBucket(random, { rate: AHEAD }),
  inBucket(small, { rate: AHEAD }),
  inBucket(listing, {
    time: AHEAD,
    // Pages of a thousand.
    requests: [{ limit: 10 }],
    'time, unknown': AHEAD,
    'requests, unknown': [{ limit: 12 }],
  }),
];

function inBucket(row: Row, targets: Readonly<Record<string, Metric['targets']>>): Row {
  return {
    name: `s3-${row.name}`,
    metrics: row.metrics.map((metric) => ({ ...metric, targets: targets[metric.name] ?? [] })),
    subjects: async (setup) => await row.subjects({ ...setup, origin: await bucketOf(setup) }),
  };
}

async function bucketOf(setup: Setup): Promise<NginxOrigin> {
  const { root, programs, teardown } = setup.scratch;
  const known = started.get(setup) ?? setup.origin.withBucket(root, programs, teardown);
  started.set(setup, known);
  return await known;
}
