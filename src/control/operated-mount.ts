import type { Evicted } from '../cache/evicted.js';
import type { MountReport } from './mount-report.js';
import type { StartedJob } from './warm/warm-jobs.js';
import type { WarmOptions, WarmReport } from './warm/warm-options.js';

/** A mount, as the control server operates it. No method touches the mount. Faults are `ControlError`s. */
export interface OperatedMount {
  /** The connection to the kernel is served. */
  isLive(): boolean;
  /** It is live, and the mount table has it. */
  isReady(): Promise<boolean>;
  report(): MountReport;
  /** The effective configuration, with the places that its values come from, and without secrets. */
  configuration(): object;
  /** A line for each request of the kernel from now on. */
  followAccess(): FollowedLog;
  /** Reads the configuration anew. */
  reload(): Promise<ReloadResult>;
  setLogLevel(level: string): void;
  /** Lets the next process go on with the mount, once this has resolved. */
  restart(): Promise<RestartResult>;
  /** Removes content from memory, disk and the page cache; of what is pinned only with `isForced`. `urls`: as in `UrlSet`. */
  evict(urls: readonly string[], isForced: boolean): Promise<EvictResult>;
  /** The next use queries the source. Resolves to the number of files. */
  forget(urls: readonly string[]): Promise<number>;
  /** Begins to bring files to disk. `onLine` takes what fails, before the job goes on. */
  warm(
    options: WarmOptions,
    urls: AsyncIterable<string>,
    onLine: (line: object) => Promise<void>,
  ): Promise<StartedJob>;
  /** What is stored of these URLs, `isRecursive`: and of all below them, is never evicted for others. */
  pin(urls: readonly string[], isRecursive: boolean): Promise<readonly PinFacts[]>;
  /** Resolves to the pins that there were. */
  unpin(urls: readonly string[], isRecursive: boolean): Promise<readonly PinFacts[]>;
  pins(): Promise<readonly PinFacts[]>;
  stopWarming(job: number): WarmReport;
}

export interface FollowedLog {
  /** Waits for the next bytes. None: it was closed. */
  read(maxBytes: number): Promise<Uint8Array>;
  close(): void;
}

export interface ReloadResult {
  /** Options that have another value now; `sources` and `policy` for their rules. */
  readonly changed: readonly string[];
  /** Options that stay as they are until a new mount. */
  readonly needsRemount: readonly string[];
}

export interface RestartResult {
  /** Of the process that ends. */
  readonly pid: number;
  /** Of the program that is to go on. */
  readonly version: string;
}

export interface PinFacts {
  readonly url: string;
  readonly isRecursive: boolean;
  /** What is stored of it; undefined: it is not known here. */
  readonly files?: number | undefined;
  readonly bytes?: number | undefined;
}

export interface EvictResult {
  readonly memory: Evicted;
  /** Undefined: nothing was removed, since there is no disk cache, or another process writes it. */
  readonly disk: Evicted | undefined;
}
