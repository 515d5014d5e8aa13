import type { MountReport } from '../../src/control/mount-report.js';
import { mountReport } from './mount-report.js';

export const HOSTILE = `"><script>globalThis.ran = '&'</script>`;
export const ESCAPED = '&#34;&#62;&#60;script&#62;globalThis.ran = &#39;&#38;&#39;&#60;/script&#62;';

/** Of a mount in which every text comes from an enemy. */
export function hostileReport(): MountReport {
  const report = mountReport({
    mountpoint: HOSTILE,
    version: HOSTILE,
    kernel: HOSTILE,
    node: HOSTILE,
    state: 'degraded',
    problems: [HOSTILE],
  });
  const [host] = report.requests.hosts;
  const [plugin] = report.clients;
  const [job] = report.warmJobs.jobs;
  if (host === undefined || plugin === undefined || job === undefined || report.p2p === undefined)
    throw new Error('no report');
  return {
    ...report,
    requests: {
      ...report.requests,
      hosts: [
        { ...host, scheme: HOSTILE, host: HOSTILE, lastError: { atMs: 0, code: HOSTILE, message: HOSTILE } },
      ],
    },
    clients: [{ ...plugin, scheme: HOSTILE, lastError: HOSTILE }],
    p2p: {
      ...report.p2p,
      proxy: HOSTILE,
      requests: { [HOSTILE]: 1 },
      lastError: { atMs: 0, message: HOSTILE },
    },
    warmJobs: {
      ...report.warmJobs,
      jobs: [{ ...job, state: 'failed', error: { code: HOSTILE, message: HOSTILE } }],
    },
  };
}
