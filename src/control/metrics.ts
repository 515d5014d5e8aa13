/** `/metrics`: the samples of `METRIC_TABLE`. */
import { Exposition, type Labels, type Sample } from './exposition.js';
import { errnoName } from '../errno-name.js';
import type { MountReport } from './mount-report.js';

export function metricsOf(report: MountReport): string {
  const out = new Exposition();
  ofState(out, report);
  ofKernel(out, report);
  ofCache(out, report);
  ofSources(out, report);
  ofP2p(out, report);
  ofPlugins(out, report);
  ofProcess(out, report);
  return out.text;
}

function ofState(out: Exposition, report: MountReport): void {
  const { version, transport, kernel, mountpoint, startedAtMs, config, state, logMessages } = report;
  out.add('d7y_mount_info', [[{ version, transport, kernel, mountpoint }, 1]]);
  out.add('d7y_mount_up_since_timestamp_seconds', startedAtMs / 1000);
  out.add(
    'd7y_mount_state',
    ['ready', 'degraded', 'draining'].map((one) => [{ state: one }, one === state ? 1 : 0]),
  );
  out.add('d7y_mount_config_last_reload_successful', config.error === undefined ? 1 : 0);
  out.add('d7y_mount_config_last_reload_success_timestamp_seconds', config.loadedAtMs / 1000);
  out.add('d7y_mount_log_messages_total', by('level', logMessages));
}

function ofKernel(out: Exposition, { activity, handles }: MountReport): void {
  const { operations } = activity;
  out.add(
    'd7y_mount_fuse_requests_total',
    operations.map(({ name, durations }) => [{ op: name }, sum(durations.counts)]),
  );
  out.histogram(
    'd7y_mount_fuse_request_duration_seconds',
    operations.map(({ name, durations }) => [{ op: name }, durations]),
  );
  out.add(
    'd7y_mount_fuse_errors_total',
    operations.flatMap(({ name, errors }) =>
      errors.map(({ errno, count }): Sample => [{ op: name, errno: errnoName(errno) }, count]),
    ),
  );
  out.add('d7y_mount_fuse_requests_in_flight', activity.inFlight);
  out.add('d7y_mount_fuse_oldest_request_seconds', activity.oldestMs / 1000);
  out.add('d7y_mount_fuse_interrupts_total', activity.interrupts);
  out.add('d7y_mount_open_handles', by('kind', { file: handles.files, directory: handles.directories }));
  out.add('d7y_mount_inodes', activity.inodes);
  out.add('d7y_mount_passthrough_opens_total', activity.passthroughOpens);
  out.add('d7y_mount_kernel_stored_bytes_total', activity.storedBytes);
}

function ofCache(out: Exposition, { cache, lacksDisk }: MountReport): void {
  const { activity, memory, metadata, disk } = cache;
  const { reads } = activity;
  const onDisk = (count: number): number | undefined => (disk === undefined ? undefined : count);
  out.add('d7y_mount_read_bytes_total', by('from', activity.readBytes));
  out.add('d7y_mount_cache_hits_total', by('tier', { memory: reads.memory, disk: onDisk(reads.disk) }));
  out.add(
    'd7y_mount_cache_misses_total',
    by('tier', { memory: reads.disk + reads.p2p + reads.source, disk: onDisk(reads.p2p + reads.source) }),
  );
  out.add(
    'd7y_mount_cache_bytes',
    by('tier', { memory: memory.bytes, metadata: metadata.bytes, disk: disk?.usedBytes }),
  );
  out.add(
    'd7y_mount_cache_limit_bytes',
    by('tier', { memory: memory.limitBytes, metadata: metadata.limitBytes, disk: disk?.limitBytes }),
  );
  out.add('d7y_mount_cache_pinned_bytes', disk?.pinnedBytes);
  out.add(
    'd7y_mount_cache_evicted_bytes_total',
    by('tier', { memory: activity.evictedBytes, disk: disk?.evictedBytes }),
  );
  out.add('d7y_mount_cache_unstored_bytes_total', activity.unstoredBytes);
  out.add('d7y_mount_cache_corrupt_blocks_total', disk?.corruptBlocks);
  const isWriter = disk?.usedBytes !== undefined;
  out.add('d7y_mount_cache_disk_writable', disk === undefined && !lacksDisk ? undefined : Number(isWriter));
  out.add('d7y_mount_metadata_lookups_total', by('result', activity.lookups));
  out.add('d7y_mount_stale_served_total', byCode('reason', Object.fromEntries(activity.staleServed)));
  out.add('d7y_mount_stale_handles_total', activity.staleHandles);
}

function ofSources(out: Exposition, { requests, connections, clients }: MountReport): void {
  const { hosts, schemes } = requests;
  out.add(
    'd7y_mount_source_requests_total',
    hosts.flatMap(({ scheme, host, requests: codes }) => byCode('code', codes, { scheme, host })),
  );
  out.add(
    'd7y_mount_source_received_bytes_total',
    hosts.flatMap(({ scheme, host, receivedBytes }) => by('route', receivedBytes, { scheme, host })),
  );
  out.histogram(
    'd7y_mount_source_first_byte_seconds',
    schemes.flatMap(({ scheme, firstByte }) =>
      firstByte.map(({ route, counts }) => [{ scheme, route }, counts] as const),
    ),
  );
  out.histogram(
    'd7y_mount_source_request_duration_seconds',
    schemes.flatMap(({ scheme, calls }) =>
      calls.map(({ kind, counts }) => [{ scheme, kind }, counts] as const),
    ),
  );
  out.add(
    'd7y_mount_source_retries_total',
    schemes.flatMap(({ scheme, retries }) => byCode('reason', retries, { scheme })),
  );
  const { waitingRequests, ...states } = connections;
  out.add('d7y_mount_source_connections', by('state', states));
  out.add('d7y_mount_source_requests_waiting', waitingRequests);
  const used = clients.filter(({ counters }) => (counters['calls'] ?? 0) > 0);
  const count = (name: string): Sample[] =>
    used.map(({ scheme, counters }) => [{ scheme }, counters[name] ?? 0]);
  out.add('d7y_mount_source_calls_total', count('calls'));
  out.add('d7y_mount_source_call_failures_total', count('failures'));
}

function ofP2p(out: Exposition, { p2p }: MountReport): void {
  if (p2p === undefined) return;
  out.add('d7y_mount_p2p_up', p2p.brokenUntilMs === undefined ? 1 : 0);
  out.add('d7y_mount_p2p_requests_total', by('result', p2p.requests));
  out.add('d7y_mount_p2p_fallbacks_total', by('reason', p2p.fallbacks));
  out.histogram('d7y_mount_p2p_first_byte_seconds', [[{}, p2p.firstByte]]);
}

function ofPlugins(out: Exposition, { clients, warmJobs }: MountReport): void {
  const plugins = clients.filter(({ location }) => location !== 'in-tree');
  const gauge = (value: (plugin: (typeof plugins)[number]) => number): Sample[] =>
    plugins.map((plugin) => [{ scheme: plugin.scheme }, value(plugin)]);
  out.add(
    'd7y_mount_plugin_up',
    gauge(({ state }) => (state === 'loaded' ? 1 : 0)),
  );
  out.add(
    'd7y_mount_plugin_restarts_total',
    gauge(({ counters }) => Math.max(0, (counters['starts'] ?? 0) - 1)),
  );
  out.add(
    'd7y_mount_plugin_requests_total',
    gauge(({ counters }) => counters['calls'] ?? 0),
  );
  out.add(
    'd7y_mount_plugin_memory_bytes',
    gauge(({ residentBytes = 0 }) => residentBytes),
  );
  out.add('d7y_mount_warm_jobs', by('state', warmJobs.counts));
}

function ofProcess(out: Exposition, { process: usage }: MountReport): void {
  out.add('process_cpu_seconds_total', usage.cpuSeconds);
  out.add('process_resident_memory_bytes', usage.residentBytes);
  out.add('process_virtual_memory_bytes', usage.virtualBytes);
  out.add('process_start_time_seconds', usage.startedAtMs / 1000);
  out.add('process_open_fds', usage.openFds);
  out.add('process_max_fds', usage.maxFds);
  out.add('nodejs_heap_size_used_bytes', usage.heapBytes);
  out.add('nodejs_external_memory_bytes', usage.externalBytes);
  out.add('nodejs_eventloop_active_seconds_total', usage.activeSeconds);
  out.summary('nodejs_eventloop_lag_seconds', usage.lag);
}

function by(
  label: string,
  values: Readonly<Record<string, number | undefined>>,
  others: Labels = {},
): Sample[] {
  return Object.entries(values).flatMap(([name, value]): Sample[] =>
    value === undefined ? [] : [[{ ...others, [label]: name }, value]],
  );
}

/** The names are codes of errors. */
function byCode(label: string, values: Readonly<Record<string, number>>, others?: Labels): Sample[] {
  const lower = Object.entries(values).map(([code, value]) => [code.toLowerCase(), value] as const);
  return by(label, Object.fromEntries(lower), others);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
