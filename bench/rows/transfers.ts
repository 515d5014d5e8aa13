/** Large files, from begin to end. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { LARGE, WARM_UP } from '../files.js';
import type { Mount, Place, Served } from '../mounts.js';
import type { Origin } from '../origins.js';
import { readThrough, runTimed } from '../programs.js';
import { type Bench, type Figures, less, more, type Row, type Target } from '../row.js';
import { GIB, MIB, use } from '../usage.js';

const EXAMPLES = fileURLToPath(new URL('../../../docs/plugins', import.meta.url));
const NO_DISK = ['--cache-size', '0'];
type RowStart = Omit<Row, 'prepare' | 'bare' | 'warmUp' | 'mounted'>;

async function prepare({ files }: Bench): Promise<void> {
  await Promise.all([files.large(), files.warmUp()]);
  // From memory: not the disk of the origin is measured.
  await readThrough(join(files.root, LARGE));
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

/** OpenSSH's client, with its default cipher. */
async function sftp({ url, sshConfig = 'none' }: Origin, path: string, bytes: number): Promise<Figures> {
  const { hostname, pathname } = new URL(url);
  const args = ['-q', '-F', sshConfig, `${hostname}:${pathname}${path}`, '/dev/null'];
  const { ms, cpuMs } = await runTimed('sftp', args);
  return { rate: bytes / 1e3 / ms, 'all threads': (cpuMs * GIB) / bytes };
}

/** Reads as many files at once. `slowest`: how far the last reader is behind. */
async function readAll(bench: Bench, mount: Mount, paths: string[], bytes: number): Promise<Figures> {
  const all = bytes * paths.length;
  const read = () => Promise.all(paths.map((path) => readThrough(join(mount.root, path))));
  const { value, seconds, figures } = await use(bench, mount, all / GIB, read);
  if (value.some((read) => read.bytes !== bytes)) throw new Error(`${mount.root}: not all bytes`);
  const times = value.map(({ ms }) => ms);
  const mean = times.reduce((sum, ms) => sum + ms, 0) / times.length;
  return { rate: all / 1e6 / seconds, slowest: Math.max(...times) / mean, ...figures };
}

function metrics(rate: readonly Target[] = [], mainThread: readonly Target[] = []): Row['metrics'] {
  const processor = { 'main thread': less('ms/GiB', ...mainThread), 'all threads': less('ms/GiB') };
  return { rate: more('MB/s', ...rate), ...processor };
}

function sequential(row: RowStart): Row {
  return {
    ...row,
    prepare,
    bare:
      row.origin === 'sftp'
        ? { sftp: ({ origins, files }) => sftp(origins.sftp, LARGE, files.largeBytes) }
        : { curl: ({ origins, files }) => curl(origins[row.origin], [LARGE], files.largeBytes) },
    warmUp,
    mounted: (bench, mount) => readAll(bench, mount, [LARGE], bench.files.largeBytes),
  };
}

function readers(row: RowStart, count: number): Row {
  const paths = Array.from({ length: count }, (_, i) => `${row.name}/${i}.bin`);
  const bytes = ({ files }: Bench): number => Math.min(100 * MIB, files.largeBytes);
  return {
    ...row,
    prepare: (bench) => Promise.all([bench.files.links(row.name, count, bytes(bench)), bench.files.warmUp()]),
    bare: { [`${count} curls`]: (bench) => curl(bench.origins[row.origin], paths, bytes(bench)) },
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
  warmUp: (_, { root }) => readThrough(join(root, WARM_UP), 64),
  mounted: async (_, { root }) => {
    const { bytes, ms } = await readThrough(join(root, LARGE), 512);
    return { rate: bytes / 1e3 / ms };
  },
};

const DISTANT_BYTES = 64 * MIB;
/** sshd, 50 ms away. */
const distant: Row = {
  name: 'sftp-latency',
  origin: 'distant-sftp',
  metrics: { rate: more('MB/s', [5, 'sshfs'], [1, 'rclone']) },
  prepare: ({ files }) => files.heads('distant', 2, DISTANT_BYTES),
  bare: { sftp: ({ origins }) => sftp(origins['distant-sftp'], 'distant/1.bin', DISTANT_BYTES) },
  warmUp: (_, { root }) => readThrough(join(root, 'distant/0.bin')),
  mounted: async (_, { root }) => {
    const { bytes, ms } = await readThrough(join(root, 'distant/1.bin'));
    return { rate: bytes / 1e3 / ms };
  },
};

/** By the example in Python, which is a process of its own. */
const plugin = sequential({
  name: 'plugin',
  origin: 'http',
  metrics: metrics(),
  mounters: ({ ours, files }) => {
    const options = ['--plugin-dir', EXAMPLES, '--plugin-option', `pyfs.root=${files.root}`];
    const serve = async (place: Place): Promise<Served> => {
      return { ...(await ours.serve({ ...place, options })), root: join(place.mountpoint, 'pyfs', 'host') };
    };
    return [{ name: ours.name, serve }];
  },
});

const AHEAD = metrics([[2.5, 'rclone']], [[350]]);
const SECURE = metrics([[0.75, 'curl']], [[350]]);
const MANY = { memory: less('MiB', [240]), slowest: less('x mean', [1.5]), ...metrics() };

export const transferRows: readonly Row[] = [
  sequential({ name: 'sequential', origin: 'http', metrics: AHEAD }),
  sequential({
    name: 'sequential-memory',
    origin: 'http',
    metrics: AHEAD,
    options: NO_DISK,
    boundThreads: 4,
  }),
  sequential({ name: 'https', origin: 'https', metrics: SECURE }),
  sequential({ name: 'https-memory', origin: 'https', metrics: SECURE, options: NO_DISK }),
  sequential({ name: 's3-sequential', origin: 's3', metrics: metrics([[1, 'rclone']]) }),
  sequential({ name: 'webdav-sequential', origin: 'webdav', metrics: metrics() }),
  sequential({ name: 'ftp-sequential', origin: 'ftp', metrics: metrics([[1, 'rclone']]) }),
  sequential({
    name: 'sftp-sequential',
    origin: 'sftp',
    metrics: metrics([
      [1, 'rclone'],
      [1, 'sshfs'],
    ]),
  }),
  readers({ name: 'https-8', origin: 'https', metrics: metrics([[0.8, '8 curls']]) }, 8),
  readers({ name: 'many', origin: 'http', metrics: MANY, options: ['--memory', '128MiB'] }, 64),
  latency,
  distant,
  plugin,
];
