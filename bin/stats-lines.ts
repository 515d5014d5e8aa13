/** `d7y-mount stats`: totals, and what happened between two of them. */
import type { OperationStats, RouteStats, Stats } from '../src/control/stats.js';

export interface StatsDifference {
  readonly time: string;
  readonly seconds: number;
  readonly operations: number;
  readonly errors: number;
  readonly reads: RouteStats;
  readonly read_bytes: RouteStats;
  /** Of reads, whose bytes came from memory or the disk; null without one. */
  readonly hit_ratio: number | null;
  /** Of all operations; null without one. */
  readonly p50_ms: number | null;
  readonly p99_ms: number | null;
  readonly requests: { readonly sent: number; readonly retries: number; readonly received_bytes: number };
}

export function statsSince(before: Stats, now: Stats): StatsDifference {
  const names = Object.keys(now.operations);
  const counts = addCounts(names.map((name) => countsBetween(before.operations[name], now.operations[name])));
  const bounds = now.operations[names[0] ?? '']?.bounds_ms ?? [];
  const errorsOf = ({ operations }: Stats): number =>
    sum(Object.values(operations).flatMap(({ errors }) => Object.values(errors)));
  const reads = routesBetween(before.reads, now.reads);
  return {
    time: now.time,
    seconds: round(now.uptime_seconds - before.uptime_seconds),
    operations: sum(counts),
    errors: errorsOf(now) - errorsOf(before),
    reads,
    read_bytes: routesBetween(before.read_bytes, now.read_bytes),
    hit_ratio: hitRatio(reads),
    p50_ms: quantile(counts, bounds, 0.5),
    p99_ms: quantile(counts, bounds, 0.99),
    requests: {
      sent: now.requests.sent - before.requests.sent,
      retries: now.requests.retries - before.requests.retries,
      received_bytes: now.requests.received_bytes - before.requests.received_bytes,
    },
  };
}

export function statsLine(stats: StatsDifference): string {
  const perSecond = (amount: number): number => amount / Math.max(0.001, stats.seconds);
  const rate = (bytes: number): string => (perSecond(bytes) / 1e6).toFixed(1);
  const { memory, disk, p2p, source } = stats.read_bytes;
  const peers = p2p === 0 ? '' : `, ${rate(p2p)} p2p`;
  const hits = stats.hit_ratio === null ? '-' : `${Math.round(stats.hit_ratio * 100)} %`;
  return [
    `${Math.round(perSecond(stats.operations))} ops/s`,
    `${stats.errors} errors`,
    `MB/s: ${rate(memory)} memory, ${rate(disk)} disk${peers}, ${rate(source)} source`,
    `hits ${hits}`,
    `p50 ${stats.p50_ms ?? '-'} ms`,
    `p99 ${stats.p99_ms ?? '-'} ms`,
  ].join('; ');
}

export function statsTotals(stats: Stats): string[] {
  const ratio = hitRatio(stats.reads);
  const { memory, disk, p2p, source } = stats.read_bytes;
  const peers = p2p === 0 ? '' : `, ${p2p} from peers`;
  return [
    `up for ${stats.uptime_seconds} s`,
    `bytes read: ${memory} from memory, ${disk} from disk${peers}, ${source} from sources`,
    `reads with all bytes in the cache: ${ratio === null ? '-' : `${Math.round(ratio * 100)} %`}`,
    `opens that the kernel serves by itself: ${stats.kernel.passthrough_opens}`,
    `requests: ${stats.requests.sent}, ${stats.requests.retries} of them retries; ${stats.requests.received_bytes} bytes received`,
    ...Object.entries(stats.operations).map(([name, { count, errors, seconds }]) => {
      const meanMs = count === 0 ? 0 : round((seconds / count) * 1000);
      const failed = Object.entries(errors).map(([errno, times]) => `${times} ${errno}`);
      return `${name}: ${count}, ${meanMs} ms each${failed.length === 0 ? '' : `, ${failed.join(', ')}`}`;
    }),
  ];
}

function hitRatio({ memory, disk, p2p, source }: RouteStats): number | null {
  const all = memory + disk + p2p + source;
  return all === 0 ? null : round((memory + disk) / all);
}

/** The bound of the bucket that it lies in: null where that has none, and without a count. */
function quantile(counts: readonly number[], bounds: readonly number[], share: number): number | null {
  const target = sum(counts) * share;
  if (target === 0) return null;
  let below = 0;
  const bucket = counts.findIndex((count) => (below += count) >= target);
  return bounds[bucket] ?? null;
}

function countsBetween(before: OperationStats | undefined, now: OperationStats | undefined): number[] {
  return (now?.counts ?? []).map((count, i) => count - (before?.counts[i] ?? 0));
}

function addCounts(rows: readonly (readonly number[])[]): number[] {
  const [first = []] = rows;
  return first.map((_, i) => sum(rows.map((row) => row[i] ?? 0)));
}

function routesBetween(before: RouteStats, now: RouteStats): RouteStats {
  return {
    memory: now.memory - before.memory,
    disk: now.disk - before.disk,
    p2p: now.p2p - before.p2p,
    source: now.source - before.source,
  };
}

function round(number: number): number {
  return Math.round(number * 1000) / 1000;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
