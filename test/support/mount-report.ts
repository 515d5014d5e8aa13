import type { MountReport } from '../../src/control/mount-report.js';
import { Histogram } from '../../src/histogram.js';
import { NotFoundError } from '../../src/source/errors.js';
import type { WarmReport } from '../../src/control/warm/warm-options.js';
import { CacheActivity } from '../../src/cache/cache-activity.js';
import { MountActivity } from '../../src/mount/mount-activity.js';
import { RequestActivity } from '../../src/source/request-activity.js';

const WARM_JOB: WarmReport = {
  job: 1,
  state: 'running',
  isBackground: true,
  isCheck: false,
  startedAtMs: 0,
  endedAtMs: undefined,
  files: 2,
  totalFiles: 10,
  failed: 0,
  doneBytes: 300 * 2 ** 20,
  totalBytes: 2 ** 30,
  fetchedBytes: 1,
  isListed: true,
  error: undefined,
  lastFailure: undefined,
};

/** Of a mount that has done something of everything. */
export function mountReport(changes: Partial<MountReport> = {}): MountReport {
  const activity = new MountActivity();
  activity.interrupts = 1;
  activity.countInodes = () => 3;
  activity.end(activity.begin('lookup'), 2);
  activity.end(activity.begin('lookup'), 116);
  activity.end(activity.begin('read'), 0);
  const requests = new RequestActivity();
  const host = requests.of('s3', 'bucket.example.org');
  host.noteResponse(206, false);
  host.noteResponse(503, true);
  host.noteFailure('TIMEOUT', 'no answer: s3://bucket.example.org/"x"');
  host.by('direct').receivedBytes = 1000;
  requests.noteFirstByte('s3', 'direct', 7);
  requests.noteRetry('s3', 'TIMEOUT');
  requests.noteCall('s3', 'metadata', 8);
  const cacheActivity = new CacheActivity();
  Object.assign(cacheActivity.reads, { memory: 2, disk: 1, p2p: 0, source: 1 });
  Object.assign(cacheActivity.readBytes, { memory: 200, disk: 100, p2p: 25, source: 50 });
  Object.assign(cacheActivity.lookups, { fresh: 4, queried: 2 });
  cacheActivity.noteStale(new NotFoundError('https://h/a'));
  cacheActivity.staleHandles = 1;
  return {
    version: '1.2.3',
    pid: 4711,
    node: 'node',
    mountpoint: '/mnt/d7y',
    device: '0:42',
    state: 'ready',
    keeper: 'supervisor',
    problems: [],
    startedAtMs: Date.UTC(2026, 0, 1),
    transport: 'dev-fuse',
    kernel: '6.18.0 "quoted" \\',
    activity: activity.report,
    handles: { files: 2, directories: 1 },
    cache: {
      activity: cacheActivity,
      memory: { bytes: 10, committedBytes: 0, limitBytes: 100 },
      metadata: { bytes: 1, limitBytes: 2 },
      disk: {
        directory: '/cache',
        limitBytes: 1000,
        usedBytes: 10,
        freeBytes: 5000,
        pinnedBytes: 4,
        evictedBytes: 3,
        corruptBlocks: 1,
      },
    },
    lacksDisk: false,
    requests: requests.report,
    connections: { active: 1, paused: 0, idle: 2, waitingRequests: 3 },
    clients: [
      {
        name: 'pyfs',
        type: 'resource',
        scheme: 'pyfs',
        location: '/plugins/d7y-resource-plugin-pyfs',
        attributes: {},
        state: 'restarting',
        lastError: 'it fell',
        residentBytes: 64,
        counters: { calls: 5, failures: 1, starts: 3, bytes: 7 },
      },
    ],
    warmJobs: { jobs: [WARM_JOB], counts: { running: 1, done: 2, cancelled: 0, failed: 0 } },
    config: { files: [], loadedAtMs: 0, error: undefined },
    p2p: {
      proxy: 'http://127.0.0.1:4001',
      mode: 'stream',
      brokenUntilMs: undefined,
      requests: { ok: 5 },
      fallbacks: { stall: 1 },
      firstByte: new Histogram().counts,
      lastError: { atMs: 0, message: 'status 500' },
    },
    logMessages: { info: 3, warn: 1 },
    process: {
      startedAtMs: 0,
      residentBytes: 1,
      virtualBytes: 2,
      heapBytes: 1,
      externalBytes: 1,
      openFds: 20,
      maxFds: 1024,
      cpuSeconds: 1.5,
      activeSeconds: 0.5,
      lag: {
        quantiles: [
          [0.5, 0],
          [0.9, 0],
          [0.99, 0.1],
          [1, 0.2],
        ],
        count: 10,
        sumSeconds: 1,
      },
    },
    ...changes,
  };
}
