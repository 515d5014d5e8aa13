/** `d7y-mount status`, for people. */
import type { WarmLine } from '../src/control/warm/warm-line.js';
import { warmSummary } from './warm-lines.js';

/** Of `/v1/status` what is shown. */
export interface ShownStatus {
  readonly version: string;
  readonly pid: number;
  readonly mountpoint: string;
  readonly state: 'ready' | 'degraded' | 'draining';
  readonly keeper: string | null;
  readonly problems: readonly string[];
  readonly uptime_seconds: number;
  readonly transport: string;
  readonly fuse: {
    readonly handles: { readonly files: number; readonly directories: number };
    readonly in_flight: number;
    readonly oldest_request_seconds: number;
  };
  readonly cache: {
    readonly memory: Amount;
    readonly metadata: Amount;
    readonly disk?: Amount & {
      readonly path: string;
      readonly writer: boolean;
      readonly pinned: number | null;
    };
  };
  readonly sources: readonly {
    readonly scheme: string;
    readonly host: string;
    readonly state: string;
    readonly requests: number;
    readonly errors: number;
    readonly last_error?: { readonly time: string; readonly message: string };
  }[];
  readonly p2p?: {
    readonly proxy: string;
    readonly mode: string;
    readonly state: string;
    readonly bytes: { readonly p2p: number; readonly direct: number };
    readonly requests: Readonly<Record<string, number>>;
    readonly last_error: { readonly time: string; readonly message: string } | null;
  };
  readonly plugins: readonly { readonly scheme: string; readonly state: string; readonly restarts: number }[];
  readonly warm_jobs: readonly WarmLine[];
  readonly config: { readonly files: readonly string[]; readonly loaded_at: string };
}

interface Amount {
  readonly bytes: number | null;
  readonly limit: number;
}

export function statusLines(status: ShownStatus): string[] {
  const { fuse, cache, sources, p2p, plugins, warm_jobs: jobs, config } = status;
  return [
    `${status.mountpoint}: ${status.state}`,
    ...status.problems.map((problem) => `  problem: ${problem}`),
    `  process ${status.pid}, version ${status.version}, ${status.transport}, up ${duration(status.uptime_seconds)}`,
    `  requests in flight: ${fuse.in_flight}, the oldest for ${fuse.oldest_request_seconds} s`,
    `  open: ${fuse.handles.files} files, ${fuse.handles.directories} directories`,
    `  memory: ${amount(cache.memory)}; metadata: ${amount(cache.metadata)}`,
    cache.disk === undefined
      ? '  disk cache: off'
      : `  disk cache ${cache.disk.path}: ${amount(cache.disk)}${cache.disk.pinned ? `, ${mebibytes(cache.disk.pinned)} MiB of it pinned` : ''}${cache.disk.writer ? '' : ', which another process writes'}`,
    ...sources.map(
      ({ scheme, host, state, requests, errors, last_error: last }) =>
        `  ${scheme}://${host}: ${state}, ${requests} requests, ${errors} errors${last ? `; last at ${last.time}: ${last.message}` : ''}`,
    ),
    ...(p2p === undefined ? [] : [p2pLine(p2p)]),
    ...plugins.map(({ scheme, state, restarts }) => `  plugin ${scheme}: ${state}, ${restarts} restarts`),
    ...jobs.map((job) => `  warm job ${job.job}, ${warmSummary(job, false)}`),
    `  configuration: ${config.files.length === 0 ? 'no files' : config.files.join(', ')}, read at ${config.loaded_at}`,
  ];
}

function p2pLine(p2p: NonNullable<ShownStatus['p2p']>): string {
  const { bytes, requests, last_error: last } = p2p;
  const counts = Object.entries(requests).flatMap(([result, count]) =>
    count === 0 ? [] : `${count} ${result}`,
  );
  return `  p2p by ${p2p.proxy} (${p2p.mode}): ${p2p.state}, ${mebibytes(bytes.p2p)} MiB by peers, ${mebibytes(bytes.direct)} MiB from sources; requests: ${counts.join(', ') || 'none'}${last === null ? '' : `; last failure at ${last.time}: ${last.message}`}`;
}

function amount({ bytes, limit }: Amount): string {
  return `${bytes === null ? '?' : mebibytes(bytes)} of ${mebibytes(limit)} MiB`;
}

function mebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(bytes < 100 * 2 ** 20 ? 1 : 0);
}

function duration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${Math.floor(seconds)} s`;
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}
