/** A directory of very many objects, through a mount. */
import { readFile } from 'node:fs/promises';

import { servingProcess } from '../../bin/serving-process.js';
import { findMount } from '../../src/mount/mount-table.js';
import { startLongBucket } from '../support/long-bucket.js';
import { onDevFuse } from '../support/mounted.js';
import { configFile, ok } from '../support/original-tree.js';

const MIB = 1024 * 1024;

// S88 S95
onDevFuse(
  'a directory of 200,000 objects is listed by several programs in little memory',
  async (t, mount) => {
    const { origin, log } = await startLongBucket(t, 200_000);
    const credentials = { accessKeyId: 'a', accessKeySecret: 'b' };
    const config = await configFile(t, { match: { scheme: 's3' }, endpoint: origin, credentials });
    const mnt = await mount('--memory', '64MiB', '--config', config);
    const many = `${mnt}/s3/bucket-125/many`;
    const found = await findMount(mnt);
    const server = found && (await servingProcess(found));
    t.is((await ok(t, 'ls -U "$1" | head -1', many)).trim(), 'object-00000000');
    const before = await residentBytes(server?.pid);
    const counts = await ok(t, 'ls -U "$1" | wc -l & find "$1" -type f | sort -u | wc -l & wait', many);
    t.deepEqual(counts.trim().split(/\s+/), ['200000', '200000']);
    const grownBytes = (await residentBytes(server?.pid)) - before;
    t.log(`${Math.round(grownBytes / MIB)} MiB more`);
    t.true(grownBytes < 64 * MIB, `${grownBytes}`);
    t.true(log.length < 1_000, `${log.length} requests`);
  },
);

async function residentBytes(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}
