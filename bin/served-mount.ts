import { hostname, release } from 'node:os';
import process from 'node:process';

import type { DiskCache, Pin } from '../src/cache/disk/disk-cache.js';
import { PinError } from '../src/cache/disk/pin-error.js';
import type { ResourceStat } from '../src/cache/resource-cache.js';
import { SourceError } from '../src/source/errors.js';
import { UrlSet } from '../src/cache/url-set.js';
import { EventLoopLag } from '../src/control/event-loop-lag.js';
import type { MountReport } from '../src/control/mount-report.js';
import { ControlError } from '../src/control/control-error.js';
import type {
  EvictResult,
  FollowedLog,
  OperatedMount,
  PinFacts,
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

/** So long a source is queried for what is pinned. */
const PIN_QUERY_MS = 5_000;

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
      startedAtMs: vfs.kept.mountedAtMs,
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

  async evict(urls: readonly string[], isForced: boolean): Promise<EvictResult> {
    const { cache } = this.#layers;
    if (!isForced) {
      // Other processes make pins, too.
      const pins = (await cache.disk?.listPins()) ?? [];
      const pinned = pins.length === 0 ? undefined : urls.find((url) => cache.disk?.pinOf(url) !== undefined);
      if (pinned !== undefined) {
        const { url = pinned } = cache.disk?.pinOf(pinned) ?? {};
        const hint = "'d7y-mount unpin' removes the pin, and --force evicts in spite of it";
        throw new ControlError(
          'PINNED',
          `${safeText(pinned)} is pinned${url === pinned ? '' : `, by ${safeText(url)}`}`,
          hint,
        );
      }
    }
    return await cache.evict(new UrlSet(urls), isForced);
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
    if (cache.disk === undefined) throw this.#noDisk();
    if (!options.isCheck && (await cache.warming.room()) === undefined) {
      const hint = "'d7y-mount status' of that mount shows the writer: call warm there";
      throw new ControlError(
        'REFUSED',
        `the process of another mount writes the cache directory ${cache.disk.report.directory}`,
        hint,
      );
    }
    return this.#layers.warmJobs.start(options, roots === undefined ? urls : within(roots, urls), onLine);
  }

  async pin(urls: readonly string[], isRecursive: boolean): Promise<readonly PinFacts[]> {
    const disk = this.#diskFor(urls);
    const pins = await Promise.all(urls.map((url) => this.#pinOf(url.replace(/\/$/, ''), isRecursive)));
    try {
      return await disk.pin(pins);
    } catch (error) {
      throw error instanceof PinError ? new ControlError('REFUSED', error.message) : error;
    }
  }

  async unpin(urls: readonly string[], isRecursive: boolean): Promise<readonly PinFacts[]> {
    const disk = this.#diskFor([]);
    const removed = await disk.unpin(
      urls.map((url) => url.replace(/\/$/, '')),
      isRecursive,
    );
    const covered = removed.length === 0 && !isRecursive ? disk.pinOf(urls[0] ?? '') : undefined;
    if (covered === undefined) return removed;
    throw new ControlError(
      'REFUSED',
      `${safeText(urls[0] ?? '')} is pinned by ${safeText(covered.url)}: unpin that`,
    );
  }

  async pins(): Promise<readonly PinFacts[]> {
    return (await this.#layers.cache.disk?.listPins()) ?? [];
  }

  #diskFor(urls: readonly string[]): DiskCache {
    const { cache, roots } = this.#layers;
    if (cache.disk === undefined) throw this.#noDisk();
    const outside = roots && urls.find((url) => !roots.has(url.replace(/\/$/, '')));
    if (outside === undefined) return cache.disk;
    throw new ControlError('BAD_REQUEST', `${safeText(outside)} is in no root of the mount`);
  }

  #noDisk(): ControlError {
    const isWanted = this.#operation.configuration.current.options.cacheSize > 0;
    const why = isWanted ? 'its directory cannot be used: see the log' : '--cache-size is 0';
    return new ControlError('REFUSED', `the disk cache is off, since ${why}`);
  }

  /** Its size, if its source reports one now. A name that is missing there is pinned by mistake. */
  async #pinOf(url: string, isRecursive: boolean): Promise<Pin> {
    if (isRecursive) return { url, isRecursive, sizeBytes: undefined };
    let stat: ResourceStat | undefined;
    try {
      stat = await this.#layers.cache.stat(url, { signal: AbortSignal.timeout(PIN_QUERY_MS) });
    } catch (error) {
      if (error instanceof SourceError && error.code === 'NOT_FOUND') {
        throw new ControlError('REFUSED', `there is no ${safeText(url)}`);
      }
    }
    if (stat?.kind === 'directory') {
      throw new ControlError('REFUSED', `${safeText(url)} is a directory: --recursive pins what is below it`);
    }
    return { url, isRecursive, sizeBytes: stat?.size };
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
