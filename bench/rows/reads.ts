/** Small reads, one after the other. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { LARGE, WARM_UP, WARM_UP_BYTES } from '../files.js';
import type { OriginName } from '../origins.js';
import { python } from '../programs.js';
import { type Bench, type Figures, less, more, type Row, type Target } from '../row.js';
import { MIB, use } from '../usage.js';

const RANDOM_READS = 1000;
/** Before the measured ones: two seconds or three. */
const WARM_UP_READS = 3000;
const CHURN = { warmUp: 10_000, operations: 60_000 };

/** Path, number of the file, and block. */
type Workload = readonly (readonly [string, number, number])[];
type RowStart = Pick<Row, 'name' | 'origin' | 'metrics' | 'boundThreads' | 'mounters'>;

/** What `reads.py` reads an origin by. */
const CLIENTS: Partial<Record<OriginName, string>> = {
  ftp: 'ftplib',
  sftp: 'ssh -s',
  'distant-sftp': 'ssh -s',
};

async function reads(
  { directory }: Bench,
  root: string,
  workload: Workload,
  ...more: readonly string[]
): Promise<Figures> {
  const file = join(directory, 'workload.json');
  await writeFile(file, JSON.stringify(workload));
  return JSON.parse((await python('reads.py', root, file, ...more)).stdout) as { rate: number; time: number };
}

/** At random offsets, the same for the same seed. */
function randomReads(path: string, bytes: number, count: number, seed: number): Workload {
  let state = seed + 1;
  return Array.from({ length: count }, () => {
    // Park and Miller's generator.
    state = (state * 48_271) % 2_147_483_647;
    return [path, 0, state % Math.floor(bytes / 4096)] as const;
  });
}

/** The first block of each file. */
function firstBlocks(directory: string, from: number, count: number): Workload {
  return Array.from({ length: count }, (_, i) => [`${directory}/${from + i}.bin`, from + i, 0] as const);
}

type WorkloadOf = (bench: Bench, round: number) => Workload;

function readsOf(row: RowStart, prepare: Row['prepare'], warmUp: Workload, workloadOf: WorkloadOf): Row {
  return {
    ...row,
    prepare,
    bare: {
      [CLIENTS[row.origin] ?? 'http.client']: (bench, round) => {
        const { url, sshConfig = '' } = bench.origins[row.origin];
        return reads(bench, url, workloadOf(bench, round), sshConfig);
      },
    },
    warmUp: (bench, { root }) => reads(bench, root, warmUp),
    mounted: async (bench, mount, round) => {
      const workload = workloadOf(bench, round);
      const work = (): Promise<Figures> => reads(bench, mount.root, workload);
      const { value, figures } = await use(bench, mount, workload.length, work);
      return { ...value, ...figures };
    },
  };
}

function random(row: RowStart): Row {
  const prepare: Row['prepare'] = ({ files }) => Promise.all([files.large(), files.warmUp()]);
  const warmUp = randomReads(WARM_UP, WARM_UP_BYTES, WARM_UP_READS, 0);
  return readsOf(row, prepare, warmUp, ({ files }, round) =>
    randomReads(LARGE, files.largeBytes, RANDOM_READS, round),
  );
}

/** New files of one directory, the first ones for the warm-up. */
function newFiles(row: RowStart, directory: string, bytes: number, warmUp: number, count: number): Row {
  const prepare: Row['prepare'] = ({ files }) => files.heads(directory, warmUp + count, bytes);
  const workload = firstBlocks(directory, warmUp, count);
  return readsOf(row, prepare, firstBlocks(directory, 0, warmUp), () => workload);
}

/** Names that change all the time: two programs look them up, read, list and miss them. */
const churn: Row = {
  name: 'churn',
  origin: 'http',
  options: ['--memory', '64MiB'],
  metrics: { rate: more('/s'), memory: less('MiB'), growth: less('MiB') },
  mounters: ({ ours }) => [ours],
  prepare: ({ files }) => files.heads('start', 1, 8 * MIB),
  bare: {},
  warmUp: (_, { root }) => useNames(root, 0, CHURN.warmUp),
  mounted: async (bench, mount) => {
    const work = (): Promise<unknown> => useNames(mount.root, CHURN.warmUp, CHURN.operations);
    const { seconds, figures } = await use(bench, mount, CHURN.operations, work);
    return { rate: CHURN.operations / seconds, ...figures };
  },
};

function useNames(root: string, from: number, count: number): Promise<unknown> {
  const parts = [from, from + count / 2].map((first) => [first, first + count / 2].map(String));
  return Promise.all(parts.map((range) => python('churn.py', root, ...range)));
}

function metrics(rate: readonly Target[], mainThread: readonly Target[] = []): Row['metrics'] {
  return { ...unlogged(rate, mainThread), requests: less('each'), sent: less('KiB each') };
}

/** Of a server whose log is not read. */
function unlogged(rate: readonly Target[], mainThread: readonly Target[] = []): Row['metrics'] {
  const processor = { 'main thread': less('ms each', ...mainThread), 'all threads': less('ms each') };
  return { rate: more('/s', ...rate), ...processor };
}

/** The C program reads with as many threads as there are readers. */
const HTTP = { origin: 'http', boundThreads: 1 } as const;
const AHEAD: Target = [1, 'rclone'];
const OF_CLIENT: Target = [0.6, 'http.client'];
const RANDOM: readonly Target[] = [[8, 'rclone'], OF_CLIENT];
const FIRST = { time: less('us', [0.3, 'rclone']) };
const SMALL = { name: 'small', ...HTTP, metrics: metrics([[2, 'rclone']], [[0.35]]) };
const FTP_SMALL = { name: 'ftp-small', origin: 'ftp', metrics: unlogged([AHEAD]) } as const;
const SFTP = { origin: 'sftp', metrics: unlogged([AHEAD, [1, 'sshfs']]) } as const;
const S3_SMALL = { name: 's3-small', origin: 's3', metrics: metrics([AHEAD], [[0.35]]) } as const;

export const readRows: readonly Row[] = [
  random({ name: 'random', ...HTTP, metrics: metrics(RANDOM) }),
  random({ name: 's3-random', origin: 's3', metrics: metrics([AHEAD]) }),
  newFiles({ name: 'first', ...HTTP, metrics: FIRST }, 'heads', 8 * MIB, 1000, 100),
  newFiles(SMALL, 'small', 4096, WARM_UP_READS, 500),
  newFiles(S3_SMALL, 'small', 4096, WARM_UP_READS, 500),
  random({ name: 'webdav-random', origin: 'webdav', metrics: metrics([]) }),
  newFiles(
    { name: 'webdav-small', origin: 'webdav', metrics: metrics([]) },
    'small',
    4096,
    WARM_UP_READS,
    500,
  ),
  random({
    name: 'ftp-random',
    origin: 'ftp',
    metrics: unlogged([AHEAD]),
    // rclone's other mode takes minutes.
    mounters: ({ ours, rclone }) => [ours, ...rclone.filter(({ name }) => name === 'rclone full')],
  }),
  newFiles(FTP_SMALL, 'small', 4096, WARM_UP_READS, 500),
  random({ name: 'sftp-random', ...SFTP }),
  newFiles({ name: 'sftp-small', ...SFTP }, 'small', 4096, WARM_UP_READS, 500),
  // Few: rclone takes half a second for each.
  newFiles(
    {
      name: 'sftp-latency-small',
      origin: 'distant-sftp',
      metrics: { rate: more('/s', AHEAD, [1, 'sshfs']) },
    },
    'distant-small',
    4096,
    10,
    40,
  ),
  churn,
];
