import type { HistogramCounts } from '../histogram.js';
import type { CacheReport } from '../cache/cache-report.js';
import type { ActivityReport } from '../mount/mount-activity.js';
import type { ClientDescription } from '../source/registry.js';
import type { PoolReport, RequestReport } from '../source/request-activity.js';
import type { SummaryCounts } from './exposition.js';
import type { WarmReport, WarmState } from './warm/warm-options.js';

/** All that is shown of a mount: a snapshot, made without I/O but to /proc. */
export interface MountReport {
  readonly version: string;
  readonly pid: number;
  /** The name of the machine. */
  readonly node: string;
  readonly mountpoint: string;
  /** Of the mount, as `major:minor`; null: the mount table does not have it. */
  readonly device: string | null;
  readonly state: 'ready' | 'degraded' | 'draining';
  /** Who keeps the mount when this process ends; null: it ends with it. */
  readonly keeper: string | null;
  /** Why it is degraded. */
  readonly problems: readonly string[];
  readonly startedAtMs: number;
  readonly transport: string;
  readonly kernel: string;
  readonly activity: ActivityReport;
  readonly handles: { readonly files: number; readonly directories: number };
  readonly cache: CacheReport;
  /** There is no disk cache though one is wanted. */
  readonly lacksDisk: boolean;
  readonly requests: RequestReport;
  readonly connections: PoolReport;
  /** Of the sources that are used, and all plugins. */
  readonly clients: readonly ClientDescription[];
  /** Undefined: nothing is read through dfdaemon. */
  readonly p2p: P2pReport | undefined;
  readonly warmJobs: WarmJobsReport;
  readonly config: ConfigurationReport;
  /** Lines of the log, by level. */
  readonly logMessages: Readonly<Record<string, number>>;
  readonly process: ProcessReport;
}

export interface WarmJobsReport {
  /** Running ones, and those that ended last. */
  readonly jobs: readonly WarmReport[];
  /** How many are in each state; of those that have ended, since the start. */
  readonly counts: Readonly<Record<WarmState, number>>;
}

export interface ConfigurationReport {
  readonly files: readonly string[];
  /** When the effective one was read. */
  readonly loadedAtMs: number;
  /** Why the last reload changed nothing. */
  readonly error: string | undefined;
}

export interface P2pReport {
  /** Of dfdaemon, without secrets. */
  readonly proxy: string;
  readonly mode: 'stream' | 'ranges';
  /** Until when it is left alone, since it failed; undefined: it is used. */
  readonly brokenUntilMs: number | undefined;
  /** By result. */
  readonly requests: Readonly<Record<string, number>>;
  /** By reason. */
  readonly fallbacks: Readonly<Record<string, number>>;
  readonly firstByte: HistogramCounts;
  readonly lastError: { readonly atMs: number; readonly message: string } | undefined;
}

export interface ProcessReport {
  readonly startedAtMs: number;
  readonly residentBytes: number;
  readonly virtualBytes: number | undefined;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly openFds: number | undefined;
  readonly maxFds: number | undefined;
  readonly cpuSeconds: number;
  /** How long the event loop was not idle. */
  readonly activeSeconds: number;
  readonly lag: SummaryCounts | undefined;
}
