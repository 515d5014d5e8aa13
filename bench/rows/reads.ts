/** Small reads, one after the other. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { LARGE, WARM_UP, WARM_UP_BYTES } from '../files.js';
import type { Mount } from '../mounts.js';
import { python } from '../programs.js';
import { type Bench, type Figures, less, more, type Row, type Target } from '../row.js';
import { use } from '../usage.js';

const RANDOM_READS = 1000;
/** Before the measured ones: two seconds or three. */
const WARM_UP_READS = 3000;
const CHURN = { warmUp: 10_000, operations: 60_000 };

type RowStart = Pick<Row, 'name' | 'origin' | 'metrics' | 'boundThreads'>;
/** Path, number of the file, and block. */
type Workload = readonly (readonly [string, number, number])[];

async function reads(
  bench: Bench,
  root: string,
  workload: Workload,
): Promise<{ rate: number; time: number }> {
  const file = join(bench.directory, 'workload.json');
  await writeFile(file, JSON.stringify(workload));
  const { stdout } = await python('reads.py', root, file);
  return JSON.parse(stdout) as { rate: number; time: number };
}

async function mountedReads(bench: Bench, mount: Mount, workload: Workload): Promise<Figures> {
  const { value, figures } = await use(bench, mount, workload.length, () =>
    reads(bench, mount.root, workload),
  );
  return { ...value, ...figures };
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

function metrics(rate: readonly Target[], mainThread: readonly Target[] = []): Row['metrics'] {
  return {
    rate: more('/s', ...rate),
    'main thread': less('ms each', ...mainThread),
    'all threads': less('ms each'),
    requests: less('each'),
    sent: less('KiB each'),
  };
}

function random(row: RowStart): Row {
  const workload = ({ files }: Bench, round: number): Workload =>
    randomReads(LARGE, files.largeBytes, RANDOM_READS, round);
  return {
    ...row,
    prepare: ({ files }) => Promise.all([files.large(), files.warmUp()]),
    bare: {
      'http.client': (bench, round) => reads(bench, bench.origins[row.origin].url, workload(bench, round)),
    },
    warmUp: (bench, { root }) => reads(bench, root, randomReads(WARM_UP, WARM_UP_BYTES, WARM_UP_READS, 0)),
    mounted: (bench, mount, round) => mountedReads(bench, mount, workload(bench, round)),
  };
}

/** New files of one directory, the first ones for the warm-up. */
function eachFile(row: RowStart, kind: 'small' | 'heads', warmUp: number, count: number): Row {
  const measured = firstBlocks(kind, warmUp, count);
  return {
    ...row,
    prepare: ({ files }) => files[kind](kind, warmUp + count),
    bare: { 'http.client': (bench) => reads(bench, bench.origins[row.origin].url, measured) },
    warmUp: (bench, { root }) => reads(bench, root, firstBlocks(kind, 0, warmUp)),
    mounted: (bench, mount) => mountedReads(bench, mount, measured),
  };
}

/** Names that change all the time: two programs look them up, read, list and miss them. */
const churn: Row = {
  name: 'churn',
  origin: 'generated',
  options: ['--memory', '64MiB'],
  metrics: { rate: more('/s'), memory: less('MiB'), growth: less('MiB') },
  mounters: ({ ours }) => [ours],
  prepare: () => Promise.resolve(),
  bare: {},
  warmUp: (_, { root }) => useNames(root, 0, CHURN.warmUp),
  mounted: async (bench, mount) => {
    const { seconds, figures } = await use(bench, mount, CHURN.operations, () =>
      useNames(mount.root, CHURN.warmUp, CHURN.operations),
    );
    return { rate: CHURN.operations / seconds, ...figures };
  },
};

function useNames(root: string, from: number, count: number): Promise<unknown> {
  const half = from + count / 2;
  const ranges = [`${from} ${half}`, `${half} ${from + count}`];
  return Promise.all(ranges.map((range) => python('churn.py', root, ...range.split(' '))));
}

const AHEAD = [[1, 'rclone']] as const;
/** The C program reads with as many threads as there are readers. */
const HTTP = { origin: 'http', boundThreads: 1 } as const;

export const readRows: readonly Row[] = [
  random({
    name: 'random',
    ...HTTP,
    metrics: metrics([
      [8, 'rclone'],
      [0.6, 'http.client'],
    ]),
  }),
  random({ name: 's3-random', origin: 's3', metrics: metrics(AHEAD) }),
  eachFile({ name: 'first', ...HTTP, metrics: { time: less('us', [0.3, 'rclone']) } }, 'heads', 1000, 100),
  eachFile(
    { name: 'small', ...HTTP, metrics: metrics([[2, 'rclone']], [[0.35]]) },
    'small',
    WARM_UP_READS,
    500,
  ),
  eachFile(
    { name: 's3-small', origin: 's3', metrics: metrics(AHEAD, [[0.35]]) },
    'small',
    WARM_UP_READS,
    500,
  ),
  churn,
];
