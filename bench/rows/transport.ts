/** The way between the kernel and a mount, alone: what is read lies in the mount's memory, and not in the page cache. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { d7yMount } from '../mounts.js';
import { readThrough, run } from '../programs.js';
import { less, more, type Row } from '../row.js';
import { MIB, use } from '../usage.js';

const BYTES = 256 * MIB;
const NAMES = 10_000;
const FILE = 'transport/0.bin';

/** Lookups per second, of names that a listing has shown. */
const LOOKUPS = `
import os, sys, time
begin = time.perf_counter()
for i in range(${NAMES}): os.stat(f'{sys.argv[1]}/{i}.bin')
print(${NAMES} / (time.perf_counter() - begin))`;
/** Microseconds of one small read past the page cache, which no readahead hides. */
const DIRECT = `
import mmap, os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT); page = mmap.mmap(-1, 4096)
begin = time.perf_counter()
for i in range(10000): os.preadv(f, [page], i % 4000 * 65536)
print((time.perf_counter() - begin) / 10000 * 1e6)`;

/** Content, names and all: the kernel holds nothing of the mount after that. */
function dropCaches(): Promise<void> {
  return writeFile('/proc/sys/vm/drop_caches', '3');
}

async function numberOf(program: string, path: string): Promise<number> {
  return Number((await run('python3', ['-c', program, path])).stdout);
}

export const transport: Row = {
  name: 'transport',
  origin: 'http',
  options: ['--cache-size', '0', '--memory', '1GiB'],
  metrics: {
    lookups: more('/s'),
    'direct read': less('us'),
    rate: more('MB/s'),
    // Else it is not the mount's memory that was read.
    sent: less('KiB', [1024]),
  },
  mounters: ({ ours, options, bound }) => {
    const libfuse = d7yMount('d7y fuse-native', options.program, ['--transport', 'fuse-native']);
    return [ours, libfuse, ...bound(1, true)];
  },
  prepare: ({ files }) => Promise.all([files.links('transport', 1, BYTES), files.sized('listing', NAMES)]),
  bare: {},
  warmUp: async (_, { root }) => {
    await readThrough(join(root, FILE));
    await numberOf(LOOKUPS, join(root, 'listing'));
    await numberOf(DIRECT, join(root, FILE));
  },
  mounted: async (bench, { root, pid }) => {
    const path = join(root, FILE);
    const { value, figures } = await use(bench, { pid }, 1, async () => {
      await dropCaches();
      const lookups = await numberOf(LOOKUPS, join(root, 'listing'));
      const microseconds = await numberOf(DIRECT, path);
      await dropCaches();
      const { ms } = await readThrough(path);
      return { lookups, 'direct read': microseconds, rate: BYTES / 1e3 / ms };
    });
    return { ...figures, ...value };
  },
};
