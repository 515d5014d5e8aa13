/** A row of the benchmark: what is measured, on which subjects, and the targets. */
import type { Files } from './files.js';
import type { BoundMounters, Mount, Mounter } from './mounts.js';
import type { Origin, OriginName } from './origins.js';
import type { Peers } from './peers.js';

/** What all rows share. */
export interface Bench {
  readonly options: Options;
  readonly directory: string;
  readonly files: Files;
  readonly origins: Readonly<Record<OriginName, Origin>>;
  readonly accessLog: string;
  readonly ours: Mounter;
  /** In its modes; none if it is not installed. */
  readonly rclone: readonly Mounter[];
  readonly peers: Peers;
  /** A C program that does the same and nothing else. */
  readonly bound: BoundMounters;
}

export interface Options {
  readonly rounds: number;
  readonly largeBytes: number;
  readonly objects: number;
  readonly program?: string;
  readonly json?: string;
  readonly directory: string;
}

/** One figure for each metric of the row that a subject has, by the metric's name. */
export type Figures = Readonly<Record<string, number>>;

/** The limit itself, or so many times the best of the subjects whose names begin so. */
export type Target = readonly [limit: number, times?: string];

export interface Metric {
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly targets: readonly Target[];
}

export interface Row {
  readonly name: string;
  readonly origin: OriginName;
  readonly metrics: Readonly<Record<string, Metric>>;
  /** Of d7y-mount. */
  readonly options?: readonly string[];
  /** Beside a C program that does the same and nothing else, with so many threads. */
  readonly boundThreads?: number;
  /** Undefined: d7y-mount, rclone in its modes, and the peers of the origin's scheme. */
  readonly mounters?: (bench: Bench) => readonly Mounter[];
  /** Builds the files that the row reads. */
  readonly prepare: (bench: Bench) => Promise<unknown>;
  /** The same without the mount: of the origin, or of a local file. By name of the program. */
  readonly bare: Readonly<Record<string, (bench: Bench, round: number) => Promise<Figures>>>;
  /** Brings a mount, which is new in each round, to its steady state, with other files than those of `mounted`. */
  readonly warmUp?: (bench: Bench, mount: Mount) => Promise<unknown>;
  readonly mounted: (bench: Bench, mount: Mount, round: number) => Promise<Figures>;
}

export function more(unit: string, ...targets: Target[]): Metric {
  return { unit, better: 'more', targets };
}

export function less(unit: string, ...targets: Target[]): Metric {
  return { unit, better: 'less', targets };
}
