import { hostname, release } from 'node:os';
import process from 'node:process';

import { UrlSet } from '../src/cache/url-set.js';
import { EventLoopLag } from '../src/control/event-loop-lag.js';
import type { MountReport } from '../src/control/mount-report.js';
import { ControlError } from '../src/control/control-error.js';
import type {
  EvictResult,
  FollowedLog,
  OperatedMount,
  ReloadResult,
  RestartResult,
} from '../src/control/operated-mount.js';
import type { StartedJob } from '../src/control/warm/warm-jobs.js';
import type { WarmOptions, WarmReport } from '../src/control/warm/warm-options.js';
import { safeText } from '../src/source/safe-text.js';
import { findMount } from '../src/mount/mount-table.js';
import type { MountLayers } from './compose.js';
import { effectiveConfiguration } from './config/effective.js';
import type { LiveConfiguration } from './config/live-configuration.js';
import { OPTION_TABLE } from './config/option-table.js';
import { mountProblems } from './mount-problems.js';
import { processReport } from './process-report.js';
import { version } from './version.js';

/** What `serve` knows of the mount that it serves. */
export interface Operation {
  readonly path: string;
  readonly configuration: LiveConfiguration;
  readonly reload: () => Promise<ReloadResult>;
  readonly setLogLevel: (level: string) => void;
  readonly isEnding: () => boolean;
  readonly restart: () => Promise<RestartResult>;
  /** Null: the mount ends with this process. */
  readonly keeper: string | null;
  /** Lines of the log, by level. */
  readonly logMessages: Readonly<Record<string, number>>;
}

/** The mount that this process serves. */
export class ServedMount implements OperatedMount {
  readonly #layers: MountLayers;
  readonly #operation: Operation;
  /** Undefined: in another mount namespace, where the mount table does not have it. */
  readonly #device: string | undefined;
  readonly #version = version();
  readonly #lag = new EventLoopLag();

  constructor(layers: MountLayers, operation: Operation, device: string | undefined) {
    this.#layers = layers;
    this.#operation = operation;
    this.#device = device;
  }

  isLive(): boolean {
    // The server ends with the connection to the kernel.
    return true;
  }

  async isReady(): Promise<boolean> {
    if (this.#operation.isEnding()) return false;
    if (this.#device === undefined) return true;
    return (await findMount(this.#operation.path))?.device === this.#device;
  }

  report(): MountReport {
    const { transport, activity, vfs, cache, sources, warmJobs } = this.#layers;
    const { path, configuration, isEnding, keeper, logMessages } = this.#operation;
    const [cached, requests, config] = [cache.report, sources.activity.report, configuration.report];
    const lacksDisk = configuration.current.options.cacheSize > 0 && cached.disk === undefined;
    const problems = mountProblems({ config, lacksDisk, requests });
    return {
      version: this.#version,
      pid: process.pid,
      node: hostname(),
      mountpoint: safeText(path),
      device: this.#device ?? null,
      state: isEnding() ? 'draining' : problems.length > 0 ? 'degraded' : 'ready',
      keeper,
      problems,
      startedAtMs: vfs.mountedAtMs,
      transport,
      kernel: release(),
      activity: activity.report,
      handles: vfs.openHandles,
      cache: cached,
      lacksDisk,
      requests,
      connections: sources.connections(),
      clients: sources.registry.listClients().flatMap((scheme) => sources.registry.describe(scheme) ?? []),
      p2p: sources.peers.report,
      warmJobs: { jobs: warmJobs.reports, counts: warmJobs.counts },
      config,
      logMessages,
      process: processReport(this.#lag.report()),
    };
  }

  configuration(): object {
    return effectiveConfiguration(this.#operation.configuration.current);
  }

  followAccess(): FollowedLog {
    return this.#layers.activity.accessLog.follow();
  }

  reload(): Promise<ReloadResult> {
    return this.#operation.reload();
  }

  restart(): Promise<RestartResult> {
    return this.#operation.restart();
  }

  setLogLevel(level: string): void {
    const { kind } = OPTION_TABLE.logLevel;
    if (kind.parse(level) === undefined) {
      throw new ControlError('BAD_REQUEST', `expected ${kind.expected}, got ${level}`);
    }
    this.#operation.setLogLevel(level);
  }

  evict(urls: readonly string[]): Promise<EvictResult> {
    return this.#layers.cache.evict(new UrlSet(urls));
  }

  forget(urls: readonly string[]): Promise<number> {
    return Promise.resolve(this.#layers.cache.expire(new UrlSet(urls)));
  }

  async warm(
    options: WarmOptions,
    urls: AsyncIterable<string>,
    onLine: (line: object) => Promise<void>,
  ): Promise<StartedJob> {
    if (!(await this.isReady())) throw new ControlError('NOT_READY', 'the mount is not ready');
    const { cache, roots } = this.#layers;
    const { current } = this.#operation.configuration;
    if (cache.report.disk === undefined) {
      const why =
        current.options.cacheSize === 0 ? '--cache-size is 0' : 'its directory cannot be used: see the log';
      throw new ControlError('REFUSED', `the disk cache is off, since ${why}`);
    }
    if (!options.isCheck && (await cache.warming.room()) === undefined) {
      const hint = "'d7y-mount status' of that mount shows the writer: call warm there";
      throw new ControlError(
        'REFUSED',
        `the process of another mount writes the cache directory ${cache.report.disk.directory}`,
        hint,
      );
    }
    return this.#layers.warmJobs.start(options, roots === undefined ? urls : within(roots, urls), onLine);
  }

  stopWarming(job: number): WarmReport {
    return this.#layers.warmJobs.stop(job);
  }
}

/** A mount with roots reaches nothing else. */
async function* within(roots: UrlSet, urls: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const url of urls) {
    if (!roots.has(url.replace(/\/$/, ''))) {
      throw new ControlError('BAD_REQUEST', `${safeText(url)} is in no root of the mount`);
    }
    yield url;
  }
}
