import process from 'node:process';

import type { CacheReport } from '../src/cache/cache-report.js';
import type { P2pReport } from '../src/control/mount-report.js';
import { countSourceErrors } from '../src/control/status.js';
import type { RequestReport } from '../src/source/request-activity.js';
import { version } from './version.js';

export interface MountAttributesContext {
  readonly cache: () => CacheReport;
  readonly requests: () => RequestReport;
  /** Undefined: nothing goes by a cluster of Dragonfly. */
  readonly p2p: () => P2pReport | undefined;
  /** Other users may read the attributes: they learn no URL of what was read. */
  readonly isShared: boolean;
}

/** The extended attributes of the root of a mount (docs/OPERATING.md). */
export function mountAttributes({
  cache,
  requests,
  p2p,
  isShared,
}: MountAttributesContext): (name: string) => string | undefined {
  const madeMs = performance.now();
  const values = new Map<string, () => string>([
    ['user.d7y.version', version],
    ['user.d7y.pid', () => String(process.pid)],
    ['user.d7y.uptime', () => String(Math.floor((performance.now() - madeMs) / 1000))],
    ['user.d7y.hitrate', () => hitRate(cache())],
    ['user.d7y.p2p', () => p2pState(p2p())],
    ['user.d7y.errors', () => String(countSourceErrors(requests()))],
  ]);
  if (!isShared) values.set('user.d7y.last_error', () => lastError(requests()));
  return (name) => values.get(name)?.();
}

/** Empty before the first read. */
function hitRate({ activity }: CacheReport): string {
  const { memory, disk, p2p, source } = activity.reads;
  const all = memory + disk + p2p + source;
  return all === 0 ? '' : ((memory + disk) / all).toFixed(3);
}

function p2pState(report: P2pReport | undefined): string {
  if (report === undefined) return 'off';
  return report.brokenUntilMs === undefined ? 'up' : 'down';
}

function lastError({ hosts }: RequestReport): string {
  const errors = hosts.flatMap((host) => host.lastError ?? []);
  return errors.toSorted((a, b) => b.atMs - a.atMs)[0]?.message ?? '';
}
