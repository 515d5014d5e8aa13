/** Large files, from begin to end. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { LARGE, WARM_UP } from '../files.js';
import type { Mount } from '../mounts.js';
import type { Origin, OriginName } from '../origins.js';
import { readThrough, runTimed } from '../programs.js';
import { type Bench, type Figures, less, more, type Row, type Target } from '../row.js';
import { GIB, MIB, use } from '../usage.js';

const EXAMPLES = fileURLToPath(new URL('../../../docs/plugins', import.meta.url));
const NO_DISK = ['--cache-size', '0'];

function prepare({ files }: Bench): Promise<unknown> {
  return Promise.all([files.large(), files.warmUp()]);
}

/** 512 MiB of another file. */
function warmUp(_: Bench, { root }: Mount): Promise<unknown> {
  return readThrough(join(root, WARM_UP));
}

/** The first `bytes` of each path, by as many programs at once, each over one connection. */
async function curl({ url, certificate }: Origin, paths: readonly string[], bytes: number): Promise<Figures> {
  const options = ['-sSf', '-o', '/dev/null', '-w', '%{size_download}', '-r', `0-${bytes - 1}`];
  if (certificate !== undefined) options.push('--cacert', certificate);
  const began = performance.now();
  const ended = await Promise.all(paths.map((path) => runTimed('curl', [...options, url + path])));
  const ms = performance.now() - began;
  if (ended.some(({ stdout }) => Number(stdout) !== bytes)) throw new Error(`${url}: not all bytes`);
  const cpuMs = ended.reduce((sum, each) => sum + each.cpuMs, 0);
  const all = bytes * paths.length;
  return { rate: all / 1e3 / ms, 'all threads': (cpuMs * GIB) / all };
}

/** Reads as many files at once. `slowest`: how far the last reader is behind. */
async function readAll(
  bench: Bench,
  mount: Mount,
  paths: readonly string[],
  bytes: number,
): Promise<Figures> {
  const all = bytes * paths.length;
  const { value, seconds, figures } = await use(bench, mount, all / GIB, () =>
    Promise.all(paths.map((path) => readThrough(join(mount.root, path)))),
  );
  if (value.some((read) => read.bytes !== bytes)) throw new Error(`${mount.root}: not all bytes`);
  const times = value.map(({ ms }) => ms);
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  return { rate: all / 1e6 / seconds, slowest: Math.max(...times) / mean, ...figures };
}

function metrics(rate: readonly Target[] = [], mainThread: readonly Target[] = []): Row['metrics'] {
  const processor = { 'main thread': less('ms/GiB', ...mainThread), 'all threads': less('ms/GiB') };
  return { rate: more('MB/s', ...rate), ...processor };
}

function sequential(
  row: Pick<Row, 'name' | 'origin' | 'metrics' | 'options' | 'mounters' | 'boundThreads'>,
): Row {
  return {
    ...row,
    prepare,
    bare: {
      curl: async ({ origins, files }) => {
        // From memory: not the disk of the origin is measured.
        await readThrough(join(files.root, LARGE));
        return await curl(origins[row.origin], [LARGE], files.largeBytes);
      },
    },
    warmUp,
    mounted: (bench, mount) => readAll(bench, mount, [LARGE], bench.files.largeBytes),
  };
}

function readers(name: string, origin: OriginName, count: number, metrics: Row['metrics']): Row {
  const paths = Array.from({ length: count }, (_, i) => `${name}/${i}.bin`);
  const bytes = ({ files }: Bench): number => Math.min(100 * MIB, files.largeBytes);
  return {
    name,
    origin,
    metrics,
    options: ['--memory', '128MiB'],
    prepare: (bench) => Promise.all([bench.files.links(name, count, bytes(bench)), bench.files.warmUp()]),
    bare: { [`${count} curls`]: (bench) => curl(bench.origins[origin], paths, bytes(bench)) },
    warmUp,
    mounted: (bench, mount) => readAll(bench, mount, paths, bytes(bench)),
  };
}

/** A server with 50 ms per request and 20 MB/s per connection. */
const latency: Row = {
  name: 'latency',
  origin: 'slow',
  metrics: { rate: more('MB/s', [5, 'curl']) },
  prepare,
  // Enough to know the rate of one connection.
  bare: { curl: ({ origins, files }) => curl(origins.slow, [LARGE], Math.min(files.largeBytes, 64 * MIB)) },
  warmUp: (_, { root }) => readThrough(join(root, WARM_UP), 64 * MIB),
  mounted: async (_, { root }) => {
    const { bytes, ms } = await readThrough(join(root, LARGE), 512 * MIB);
    return { rate: bytes / 1e3 / ms };
  },
};

/** By the example in Python, which is a process of its own. */
const plugin = sequential({
  name: 'plugin',
  origin: 'http',
  metrics: metrics(),
  mounters: ({ ours, files }) => [
    {
      ...ours,
      serve: async (place) => {
        const options = ['--plugin-dir', EXAMPLES, '--plugin-option', `pyfs.root=${files.root}`];
        return { ...(await ours.serve({ ...place, options })), root: join(place.mountpoint, 'pyfs', 'host') };
      },
    },
  ],
});

export const transferRows: readonly Row[] = [
  sequential({ name: 'sequential', origin: 'http', metrics: metrics([[2.5, 'rclone']], [[350]]) }),
  sequential({
    name: 'sequential-memory',
    origin: 'http',
    boundThreads: 4,
    metrics: metrics([[2.5, 'rclone']]),
    options: NO_DISK,
  }),
  sequential({ name: 'https', origin: 'https', metrics: metrics([[0.75, 'curl']], [[350]]) }),
  sequential({ name: 'https-memory', origin: 'https', metrics: metrics([[0.75, 'curl']]), options: NO_DISK }),
  sequential({ name: 's3-sequential', origin: 's3', metrics: metrics([[1, 'rclone']]) }),
  readers('https-8', 'https', 8, metrics([[0.8, '8 curls']])),
  readers('many', 'http', 64, { memory: less('MiB', [240]), slowest: less('x mean', [1.5]), ...metrics() }),
  latency,
  plugin,
];
