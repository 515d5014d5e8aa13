import { join } from 'node:path';

import { onFreshMounts } from '../mounter.js';
import { Rclone } from '../rclone.js';
import type { Row } from '../row.js';
import { readThrough, transfer } from '../sequential-read.js';
import { mountersOf } from '../setup.js';
import { startSlowOrigin } from '../slow-origin.js';
import type { Subject } from '../subject.js';
import { sequentialReads } from '../warm-up.js';

const FILE_BYTES = 512 * 1024 * 1024;
/** Enough to know the rate of one connection. */
const BARE_BYTES = 64 * 1024 * 1024;

/** One reader, a file from begin to end, from an origin that is far away and slow per connection. */
export const latency: Row = {
  name: 'latency',
  metrics: [{ name: 'rate', unit: 'MB/s', better: 'more', targets: [{ times: 'bare', factor: 5 }] }],
  subjects: async (setup) => {
    const { scratch } = setup;
    const origin = await startSlowOrigin(scratch, FILE_BYTES);
    const streams = await Rclone.withStreams(scratch);
    const mounters = [...mountersOf(setup), ...(streams === undefined ? [] : [streams])];
    const url = `http://${origin.host}/large.bin`;
    const curl: Subject = {
      role: 'bare',
      name: 'curl',
      measure: async () => ({ rate: await transfer(scratch, url, BARE_BYTES) }),
    };
    const warmUp = sequentialReads(setup, 'warm-up.bin');
    const mounts = onFreshMounts(mounters, { origin }, warmUp, async ({ root }) => ({
      rate: await readThrough(scratch, join(root, 'large.bin'), FILE_BYTES),
    }));
    return [curl, ...mounts];
  },
};
