/** What a user waits for as a whole: a start, a listing, a check of a database, a remount. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

import { LARGE, WARM_UP } from '../files.js';
import type { Mount } from '../mounts.js';
import type { OriginName } from '../origins.js';
import { readThrough, run } from '../programs.js';
import { type Bench, type Figures, less, more, type Row, type Target } from '../row.js';
import { MIB, use } from '../usage.js';

const ENTRIES = 10_000;
const WARM_UP_ENTRIES = 1000;
/** For a mount to store what it has read. A local file waits as long: a host may take back memory that lies free. */
const REST_MS = 10_000;

const start: Row = {
  name: 'start',
  origin: 'http',
  metrics: { ready: less('ms', [300]), 'first byte': less('ms', [350]) },
  prepare: ({ files }) => files.heads('start', 1, 8 * MIB),
  bare: {
    'node -e 0': async () => ({ ready: (await run(process.execPath, ['-e', '0'])).ms }),
    curl: async ({ origins: { http } }) => {
      const { ms } = await run('curl', ['-sSf', '-r', '0-0', `${http.url}start/0.bin`]);
      return { 'first byte': ms };
    },
  },
  mounted: async (_, { root, readyMs }) => {
    const { ms } = await run('head', ['-c', '1', join(root, 'start/0.bin')]);
    return { ready: readyMs, 'first byte': readyMs + ms };
  },
};

/** `ls -l`, which has to show all entries with their sizes. */
async function list(path: string, entries: number): Promise<Figures> {
  const { stdout, ms } = await run('ls', ['-l', path]);
  const sizes = [...stdout.matchAll(/^-\S+ +\d+ \S+ \S+ +(\d+) .* (\d+)\.bin$/gm)];
  const right = sizes.filter(([, size, number]) => Number(size) === Number(number) % 100);
  if (right.length !== entries) throw new Error(`${path}: ${right.length} right entries`);
  return { time: ms };
}

/** The figures of the work, and what it takes. */
async function used(bench: Bench, mount: Mount, work: () => Promise<Figures>): Promise<Figures> {
  const { value, figures } = await use(bench, mount, 1, work);
  return { ...figures, ...value };
}

function listing(name: string, origin: OriginName, requests: number, time: readonly Target[]): Row {
  return {
    name,
    origin,
    metrics: { time: less('ms', ...time), requests: less('', [requests]) },
    prepare: ({ files }) =>
      Promise.all([files.sized('listing', ENTRIES), files.sized('listing-warm-up', WARM_UP_ENTRIES)]),
    bare: { 'local ls': ({ files }) => list(join(files.root, 'listing'), ENTRIES) },
    warmUp: (_, { root }) => list(join(root, 'listing-warm-up'), WARM_UP_ENTRIES),
    mounted: (bench, mount) => used(bench, mount, () => list(join(mount.root, 'listing'), ENTRIES)),
  };
}

/** How many entries there are, and the milliseconds to the first one and to the last. */
const SCAN = `
import os, sys, time
begin, first, count = time.time(), 0, 0
for entry in os.scandir(sys.argv[1]):
    first = first or time.time()
    count += 1
print(count, (first - begin) * 1e3, (time.time() - begin) * 1e3)`;

async function scan(path: string, entries: number): Promise<Figures> {
  const { stdout } = await run('python3', ['-c', SCAN, path]);
  const [count, first = NaN, time = NaN] = stdout.split(' ').map(Number);
  if (count !== entries) throw new Error(`${path}: ${count} entries`);
  return { time, 'first name': first };
}

/** Of a bucket of a million objects. The bare requests are those for its pages, in turn. */
const objects: Row = {
  name: 's3-million',
  origin: 'generated-s3',
  metrics: {
    time: less('ms', [1.3, 'curl']),
    'first name': less('ms'),
    'main thread': less('ms'),
    memory: less('MiB'),
    growth: less('MiB', [64]),
  },
  prepare: ({ files }) => files.sized('listing-warm-up', WARM_UP_ENTRIES),
  bare: {
    curl: async ({ origins, options }) => {
      const pages = `continuation-token=[0-${options.objects - 1}:1000]`;
      const url = `${origins['generated-s3'].url}?list-type=2&prefix=generated/&delimiter=/&${pages}`;
      return { time: (await run('curl', ['-sSf', '-o', '/dev/null', url])).ms };
    },
  },
  warmUp: (_, { root }) => list(join(root, 'listing-warm-up'), WARM_UP_ENTRIES),
  mounted: (bench, mount) => used(bench, mount, () => scan(`${mount.root}/generated`, bench.options.objects)),
};

async function checkDatabase(path: string): Promise<Figures> {
  const { stdout, ms } = await run('sqlite3', ['-readonly', path, 'pragma integrity_check']);
  if (stdout !== 'ok\n') throw new Error(`${path}: ${stdout}`);
  return { time: ms };
}

const DATABASE = 'sqlite/items.db';
const sqlite: Row = {
  name: 'sqlite',
  origin: 'http',
  metrics: { time: less('ms', [600], [0.1, 'rclone']), requests: less(''), sent: less('KiB') },
  prepare: async ({ files }) => {
    await files.database(DATABASE, 125_000);
    // A thousand pages.
    await files.database('sqlite/warm-up.db', 16_000);
  },
  bare: { 'local file': ({ files }) => checkDatabase(join(files.root, DATABASE)) },
  warmUp: (_, { root }) => checkDatabase(join(root, 'sqlite/warm-up.db')),
  mounted: (bench, mount) => used(bench, mount, () => checkDatabase(join(mount.root, DATABASE))),
};

/** The kernel forgets what it keeps of files. */
async function dropPageCache(): Promise<void> {
  await run('sync', []);
  await writeFile('/proc/sys/vm/drop_caches', '1');
}

async function rateOf({ files }: Bench, path: string): Promise<number> {
  const { bytes, ms } = await readThrough(path);
  if (bytes !== files.largeBytes) throw new Error(`${path}: ${bytes} bytes`);
  return bytes / 1e3 / ms;
}

/** From the disk cache of a mount that is gone, with and without the page cache. */
const remount: Row = {
  name: 'remount',
  origin: 'http',
  metrics: {
    warm: more('MB/s', [0.8, 'local']),
    dropped: more('MB/s', [0.9, 'local']),
    // Else it is not the disk cache that was measured.
    sent: less('KiB', [2048]),
  },
  mounters: ({ ours, rclone }) => [ours, ...rclone.filter(({ name }) => name.endsWith('full'))],
  prepare: ({ files }) => Promise.all([files.large(), files.warmUp()]),
  bare: {
    // As old as the copy in a cache: where a file lies in memory decides how fast it is read.
    'local download': async (bench) => {
      const path = join(bench.directory, 'download');
      await run('curl', ['-sSf', '-o', path, bench.origins.http.url + LARGE]);
      await sleep(REST_MS);
      const warm = await rateOf(bench, path);
      await dropPageCache();
      const dropped = await rateOf(bench, path);
      await rm(path);
      return { warm, dropped };
    },
  },
  warmUp: (_, { root }) => readThrough(join(root, WARM_UP)),
  mounted: async (bench, first) => {
    await rateOf(bench, join(first.root, LARGE));
    await sleep(REST_MS);
    let sent = 0;
    const again = async (mount: Mount): Promise<number> => {
      await readThrough(join(mount.root, WARM_UP));
      const { value, figures } = await use(bench, mount, 1, () => rateOf(bench, join(mount.root, LARGE)));
      sent += figures.sent;
      return value;
    };
    const second = await first.remount(async () => void (await run('sync', [])));
    const warm = await again(second);
    const dropped = await again(await second.remount(dropPageCache));
    return { warm, dropped, sent };
  },
};

export const wholeRows: readonly Row[] = [
  start,
  listing('listing', 'http', 2, [[200], [0.2, 'rclone']]),
  listing('s3-listing', 's3', 12, [[1, 'rclone']]),
  objects,
  sqlite,
  remount,
];
