/** `/metrics`. The names are a promise of docs/OPERATING.md. */
import { Exposition, type Sample } from './exposition.js';
import { errnoName } from './errno-name.js';
import type { MountReport } from './mount-report.js';

export function metricsOf(report: MountReport): string {
  const out = new Exposition();
  ofState(out, report);
  ofKernel(out, report);
  ofCache(out, report);
  ofSources(out, report);
  ofProcess(out, report);
  return out.text;
}

function ofState(
  out: Exposition,
  { version, transport, kernel, startedAtMs, config, state }: MountReport,
): void {
  out.gauge('d7y_mount_info', 'Of the program; always 1.', [[{ version, transport, kernel }, 1]]);
  out.gauge('d7y_mount_up_since_timestamp_seconds', 'When the mount was made.', startedAtMs / 1000);
  out.gauge(
    'd7y_mount_state',
    'The state that the mount is in is 1, the others are 0.',
    ['ready', 'degraded', 'draining'].map((one) => [{ state: one }, one === state ? 1 : 0]),
  );
  out.gauge(
    'd7y_mount_config_last_reload_successful',
    'Whether the configuration that was read last is effective.',
    config.error === undefined ? 1 : 0,
  );
  out.gauge(
    'd7y_mount_config_last_reload_success_timestamp_seconds',
    'When the effective configuration was read.',
    config.loadedAtMs / 1000,
  );
}

function ofKernel(out: Exposition, { activity, handles }: MountReport): void {
  out.histogram(
    'd7y_mount_fuse_request_duration_seconds',
    'How long requests of the kernel took.',
    activity.operations.map(({ name, durations }) => [{ op: name }, durations]),
  );
  out.counter(
    'd7y_mount_fuse_errors_total',
    'Requests of the kernel that were answered with an errno; of missing names those that it may not remember.',
    activity.operations.flatMap(({ name, errors }) =>
      errors.map(({ errno, count }): Sample => [{ op: name, errno: errnoName(errno) }, count]),
    ),
  );
  out.gauge(
    'd7y_mount_fuse_requests_in_flight',
    'Requests of the kernel without an answer.',
    activity.inFlight,
  );
  out.gauge(
    'd7y_mount_fuse_oldest_request_seconds',
    'How long the oldest request of the kernel has no answer; 0 without one.',
    activity.oldestMs / 1000,
  );
  out.gauge('d7y_mount_open_handles', 'Files and directories that are open.', [
    [{ kind: 'file' }, handles.files],
    [{ kind: 'directory' }, handles.directories],
  ]);
  if (activity.inodes !== undefined) {
    out.gauge('d7y_mount_inodes', 'Inodes that the kernel knows.', activity.inodes);
  }
  out.counter(
    'd7y_mount_passthrough_opens_total',
    'Opens whose reads the kernel serves by itself from the disk cache; those reads are counted nowhere.',
    activity.passthroughOpens,
  );
  out.counter(
    'd7y_mount_kernel_stored_bytes_total',
    'Bytes that were put into the page cache when a file was opened, without a read.',
    activity.storedBytes,
  );
}

function ofCache(out: Exposition, { cache }: MountReport): void {
  const { activity, memory, metadata, disk } = cache;
  const { reads } = activity;
  out.counter(
    'd7y_mount_read_bytes_total',
    'Bytes that reads got, by where they came from; what the page cache serves is not among them.',
    Object.entries(activity.readBytes).map(([from, bytes]): Sample => [{ from }, bytes]),
  );
  const hits: Sample[] = [[{ tier: 'memory' }, reads.memory]];
  const misses: Sample[] = [[{ tier: 'memory' }, reads.disk + reads.source]];
  if (disk !== undefined) {
    hits.push([{ tier: 'disk' }, reads.disk]);
    misses.push([{ tier: 'disk' }, reads.source]);
  }
  out.counter(
    'd7y_mount_cache_hits_total',
    'Reads that the tier had all bytes of that were looked for there.',
    hits,
  );
  out.counter('d7y_mount_cache_misses_total', 'Reads that the tier lacked some bytes of.', misses);
  const tiers = <Value>(of: { memory: Value; metadata?: Value; disk?: Value }): [{ tier: string }, Value][] =>
    Object.entries(of).flatMap(([tier, value]) => (value === undefined ? [] : [[{ tier }, value as Value]]));
  out.gauge(
    'd7y_mount_cache_bytes',
    'What is kept; of the disk only where this process writes the cache directory.',
    tiers<number | undefined>({
      memory: memory.bytes,
      metadata: metadata.bytes,
      disk: disk?.usedBytes,
    }) as Sample[],
  );
  out.gauge(
    'd7y_mount_cache_limit_bytes',
    'What may be kept.',
    tiers<number | undefined>({
      memory: memory.limitBytes,
      metadata: metadata.limitBytes,
      disk: disk?.limitBytes,
    }) as Sample[],
  );
  out.counter(
    'd7y_mount_cache_evicted_bytes_total',
    'What had to make room.',
    tiers<number | undefined>({ memory: activity.evictedBytes, disk: disk?.evictedBytes }) as Sample[],
  );
  out.counter(
    'd7y_mount_cache_unstored_bytes_total',
    'Bytes that were not stored on disk, since it was too slow.',
    activity.unstoredBytes,
  );
  if (disk !== undefined) {
    out.counter(
      'd7y_mount_cache_corrupt_blocks_total',
      'Blocks on disk whose checksum was wrong.',
      disk.corruptBlocks,
    );
    out.gauge(
      'd7y_mount_cache_disk_writable',
      'Whether this process writes the cache directory; one process of a user does.',
      disk.usedBytes === undefined ? 0 : 1,
    );
  }
  out.counter(
    'd7y_mount_stale_served_total',
    'How often metadata was served that its source could not confirm.',
    activity.staleServed,
  );
}

function ofSources(out: Exposition, { requests, clients }: MountReport): void {
  const { hosts, schemes } = requests;
  out.counter(
    'd7y_mount_source_requests_total',
    'HTTP requests, by status, or by the kind of the failure where there was no response.',
    hosts.flatMap(({ scheme, host, requests: byCode }) =>
      Object.entries(byCode).map(([code, count]): Sample => [
        { scheme, host, code: code.toLowerCase() },
        count,
      ]),
    ),
  );
  out.counter(
    'd7y_mount_source_received_bytes_total',
    'Bytes of the bodies of responses.',
    hosts.map(({ scheme, host, receivedBytes }) => [{ scheme, host }, receivedBytes]),
  );
  out.histogram(
    'd7y_mount_source_first_byte_seconds',
    'From an HTTP request, the wait for a connection included, to the head of its response.',
    schemes.map(({ scheme, firstByte }) => [{ scheme }, firstByte]),
  );
  out.counter(
    'd7y_mount_source_retries_total',
    'HTTP requests that were sent again after a failure.',
    schemes.map(({ scheme, retries }) => [{ scheme }, retries]),
  );
  const used = clients.filter(({ counters }) => (counters['calls'] ?? 0) > 0);
  out.counter(
    'd7y_mount_source_calls_total',
    'Calls of sources, plugins among them.',
    used.map(({ scheme, counters }) => [{ scheme }, counters['calls'] ?? 0]),
  );
  out.counter(
    'd7y_mount_source_call_failures_total',
    'Calls of sources that failed; a missing file is a failure.',
    used.map(({ scheme, counters }) => [{ scheme }, counters['failures'] ?? 0]),
  );
  const plugins = clients.filter(({ location }) => location !== 'in-tree');
  out.gauge(
    'd7y_mount_plugin_up',
    'Whether the process of a plugin runs; one that was not used yet has none.',
    plugins.map(({ scheme, state }) => [{ scheme }, state === 'loaded' ? 1 : 0]),
  );
  out.counter(
    'd7y_mount_plugin_restarts_total',
    'Starts of the process of a plugin after the first one.',
    plugins.map(({ scheme, counters }) => [{ scheme }, Math.max(0, (counters['starts'] ?? 0) - 1)]),
  );
}

function ofProcess(out: Exposition, { process: usage }: MountReport): void {
  out.counter('process_cpu_seconds_total', 'Processor time, of user and system.', usage.cpuSeconds);
  out.gauge('process_resident_memory_bytes', 'Resident memory.', usage.residentBytes);
  out.gauge('process_start_time_seconds', 'When the process was started.', usage.startedAtMs / 1000);
  out.gauge('nodejs_heap_size_used_bytes', 'Of the heap of V8.', usage.heapBytes);
  out.counter(
    'nodejs_eventloop_active_seconds_total',
    'How long the event loop was not idle: near 1 in a second, the main thread is the limit.',
    usage.activeSeconds,
  );
}
