import type { CacheReport } from '../cache/cache-report.js';
import type { ActivityReport } from '../mount/mount-activity.js';
import type { ClientDescription } from '../source/registry.js';
import type { RequestReport } from '../source/request-activity.js';

/** All that is shown of a mount: a snapshot, made without I/O. */
export interface MountReport {
  readonly version: string;
  readonly pid: number;
  /** The name of the machine. */
  readonly node: string;
  readonly mountpoint: string;
  /** Of the mount, as `major:minor`; null: the mount table does not have it. */
  readonly device: string | null;
  readonly state: 'ready' | 'degraded' | 'draining';
  /** Why it is degraded. */
  readonly problems: readonly string[];
  readonly startedAtMs: number;
  readonly transport: string;
  readonly kernel: string;
  readonly activity: ActivityReport;
  readonly handles: { readonly files: number; readonly directories: number };
  readonly cache: CacheReport;
  readonly requests: RequestReport;
  /** Of the sources that are used, and all plugins. */
  readonly clients: readonly ClientDescription[];
  readonly config: ConfigurationReport;
  readonly process: ProcessReport;
}

export interface ConfigurationReport {
  readonly files: readonly string[];
  /** When the effective one was read. */
  readonly loadedAtMs: number;
  /** Why the last reload changed nothing. */
  readonly error: string | undefined;
}

export interface ProcessReport {
  readonly startedAtMs: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly cpuSeconds: number;
  /** How long the event loop was not idle. */
  readonly activeSeconds: number;
}
