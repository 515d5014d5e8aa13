import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import process from 'node:process';

import type { ProcessReport } from '../src/control/mount-report.js';

/** What this process takes of the machine. /proc is memory: to read it does not wait. */
export function processReport(lag: ProcessReport['lag']): ProcessReport {
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    startedAtMs: Date.now() - process.uptime() * 1000,
    residentBytes: rss,
    virtualBytes: numberIn('/proc/self/status', /^VmSize:\s*(\d+) kB/m, 1024),
    heapBytes: heapUsed,
    externalBytes: external,
    openFds: countFds(),
    maxFds: numberIn('/proc/self/limits', /^Max open files +(\d+)/m),
    cpuSeconds: (user + system) / 1e6,
    activeSeconds: performance.eventLoopUtilization().active / 1000,
    lag,
  };
}

/** Undefined where there is none. */
function numberIn(path: string, pattern: RegExp, factor = 1): number | undefined {
  try {
    const [, digits] = pattern.exec(readFileSync(path, 'utf8')) ?? [];
    return digits === undefined ? undefined : Number(digits) * factor;
  } catch {
    return undefined;
  }
}

function countFds(): number | undefined {
  try {
    // The one that lists them is among them.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}
