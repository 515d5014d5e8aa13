import { join } from 'node:path';

import { contendersOf, onFreshMounts } from '../contender.js';
import { Rclone } from '../rclone.js';
import type { Row } from '../row.js';
import { readThrough, transfer } from '../sequential-read.js';
import { startSlowOrigin } from '../slow-origin.js';

const FILE_BYTES = 512 * 1024 * 1024;
/** Enough to know the rate of one connection. */
const BARE_BYTES = 64 * 1024 * 1024;

/** One reader, a file from begin to end, from an origin that is far away and slow per connection. */
export const latency: Row = {
  name: 'latency',
  metrics: [{ name: 'rate', unit: 'MB/s', better: 'more', targets: [{ times: 'bare', factor: 5 }] }],
  enter: async (stage) => {
    const { scratch } = stage;
    const origin = await startSlowOrigin(scratch, FILE_BYTES);
    const streams = await Rclone.withStreams(scratch);
    const contenders = [...contendersOf(stage), ...(streams === undefined ? [] : [streams])];
    return [
      {
        role: 'bare',
        name: 'curl',
        measure: async () => ({
          rate: await transfer(scratch, `http://${origin.host}/large.bin`, BARE_BYTES),
        }),
      },
      ...onFreshMounts(contenders, { origin }, async ({ root }) => ({
        rate: await readThrough(scratch, join(root, 'large.bin'), FILE_BYTES),
      })),
    ];
  },
};
