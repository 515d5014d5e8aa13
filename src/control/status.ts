import type { RequestReport } from '../source/request-activity.js';
import type { MountReport, P2pReport } from './mount-report.js';
import { warmLine } from './warm/warm-line.js';

/** `/v1/status`. Within one number of `schema`, fields are only added. */
export function statusOf(report: MountReport, nowMs = Date.now()): object {
  const { activity, cache, config } = report;
  const { disk } = cache;
  return {
    schema: 1,
    version: report.version,
    pid: report.pid,
    node: report.node,
    mountpoint: report.mountpoint,
    device: report.device,
    state: report.state,
    keeper: report.keeper,
    problems: report.problems,
    since: timeOf(report.startedAtMs),
    uptime_seconds: seconds(nowMs - report.startedAtMs),
    transport: report.transport,
    kernel: report.kernel,
    fuse: {
      inodes: activity.inodes ?? null,
      handles: report.handles,
      in_flight: activity.inFlight,
      oldest_request_seconds: seconds(activity.oldestMs),
    },
    cache: {
      memory: {
        bytes: cache.memory.bytes,
        committed: cache.memory.committedBytes,
        limit: cache.memory.limitBytes,
      },
      metadata: { bytes: cache.metadata.bytes, limit: cache.metadata.limitBytes },
      disk: disk && {
        path: disk.directory,
        bytes: disk.usedBytes ?? null,
        limit: disk.limitBytes,
        free: disk.freeBytes ?? null,
        pinned: disk.pinnedBytes ?? null,
        writer: disk.usedBytes !== undefined,
      },
    },
    sources: report.requests.hosts.map((host) => ({
      scheme: host.scheme,
      host: host.host,
      state: host.isFailing ? 'failing' : 'ok',
      requests: sum(Object.values(host.requests)),
      errors: errorsOf(host.requests),
      last_error: host.lastError && { time: timeOf(host.lastError.atMs), message: host.lastError.message },
    })),
    p2p: report.p2p && p2pOf(report.p2p, report),
    plugins: report.clients
      .filter(({ location }) => location !== 'in-tree')
      .map(({ scheme, location, state, lastError, counters }) => ({
        scheme,
        path: location,
        state,
        restarts: Math.max(0, (counters['starts'] ?? 0) - 1),
        last_error: lastError,
      })),
    warm_jobs: report.warmJobs.jobs.map((job) => warmLine(job, nowMs)),
    config: {
      files: config.files,
      loaded_at: timeOf(config.loadedAtMs),
      ok: config.error === undefined,
      error: config.error ?? null,
    },
  };
}

function p2pOf(p2p: P2pReport, { requests }: MountReport): object {
  const bytesBy = (isMeant: (route: string) => boolean): number =>
    sum(
      requests.hosts.flatMap(({ receivedBytes }) =>
        Object.entries(receivedBytes).map(([route, bytes]) => (isMeant(route) ? bytes : 0)),
      ),
    );
  const { proxy, mode, brokenUntilMs, lastError } = p2p;
  return {
    proxy,
    mode,
    state: brokenUntilMs === undefined ? 'up' : 'down',
    breaker_until: brokenUntilMs === undefined ? null : timeOf(brokenUntilMs),
    bytes: { p2p: bytesBy((route) => route === 'p2p'), direct: bytesBy((route) => route !== 'p2p') },
    requests: p2p.requests,
    last_error: lastError === undefined ? null : { time: timeOf(lastError.atMs), message: lastError.message },
  };
}

/** Of all hosts. */
export function countSourceErrors({ hosts }: RequestReport): number {
  return sum(hosts.map(({ requests }) => errorsOf(requests)));
}

/** Responses that say that a server cannot, and requests without a response; not those that were cancelled. Answers of sftp have small letters. */
export function errorsOf(requests: Readonly<Record<string, number>>): number {
  const failed = Object.entries(requests).filter(
    ([code]) => code === '429' || (code !== 'INTERRUPTED' && !/^[1-4a-z]/.test(code)),
  );
  return sum(failed.map(([, count]) => count));
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

function seconds(ms: number): number {
  return Math.round(ms) / 1000;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
