import { errnoName } from '../errno-name.js';
import type { MountReport } from './mount-report.js';

/** `/v1/stats`: counts since the mount was made. Within one number of `schema`, fields are only added. */
export interface Stats {
  readonly schema: 1;
  readonly time: string;
  readonly uptime_seconds: number;
  readonly operations: Readonly<Record<string, OperationStats>>;
  /** Reads and bytes by where they came from. */
  readonly reads: RouteStats;
  readonly read_bytes: RouteStats;
  readonly kernel: { readonly passthrough_opens: number; readonly stored_bytes: number };
  readonly requests: { readonly sent: number; readonly retries: number; readonly received_bytes: number };
  readonly stale_served: number;
}

export interface OperationStats {
  readonly count: number;
  readonly errors: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** How many took up to each bound, and longer than the last one. */
  readonly bounds_ms: readonly number[];
  readonly counts: readonly number[];
}

export interface RouteStats {
  readonly memory: number;
  readonly disk: number;
  /** By way of a cluster of Dragonfly. */
  readonly p2p: number;
  readonly source: number;
}

export function statsOf(report: MountReport, nowMs = Date.now()): Stats {
  const { activity, cache, requests } = report;
  const { hosts, schemes } = requests;
  return {
    schema: 1,
    time: new Date(nowMs).toISOString(),
    uptime_seconds: Math.round(nowMs - report.startedAtMs) / 1000,
    operations: Object.fromEntries(
      activity.operations.map(({ name, durations, errors }) => [
        name,
        {
          count: total(durations.counts),
          errors: Object.fromEntries(errors.map(({ errno, count }) => [errnoName(errno), count])),
          seconds: durations.sumMs / 1000,
          bounds_ms: durations.boundsMs,
          counts: durations.counts,
        },
      ]),
    ),
    reads: cache.activity.reads,
    read_bytes: cache.activity.readBytes,
    kernel: { passthrough_opens: activity.passthroughOpens, stored_bytes: activity.storedBytes },
    requests: {
      sent: total(hosts.flatMap((host) => Object.values(host.requests))),
      retries: total(schemes.flatMap(({ retries }) => Object.values(retries))),
      received_bytes: total(hosts.flatMap(({ receivedBytes }) => Object.values(receivedBytes))),
    },
    stale_served: total([...cache.activity.staleServed.values()]),
  };
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0);
}
