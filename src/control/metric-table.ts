/** All metrics: `/metrics` has no others, docs/METRICS.md is made of it, and dashboard and alerts use its names. */

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary';

export interface MetricFacts {
  readonly type: MetricType;
  readonly group: MetricGroup;
  readonly help: string;
  /** The labels, each with its values in words; empty: they speak for themselves. */
  readonly labels?: Readonly<Record<string, string>>;
}

export const METRIC_GROUPS = {
  state: 'The mount',
  kernel: 'Requests of the kernel',
  cache: 'Reads and caches',
  source: 'Sources',
  p2p: 'P2P',
  job: 'Plugins and jobs',
  process: 'The process',
} as const;

export type MetricGroup = keyof typeof METRIC_GROUPS;

const ROUTE = 'direct, proxy, p2p';
const HOST = 'at most 50, then other';

export const METRIC_TABLE = {
  d7y_mount_info: {
    group: 'state',
    type: 'gauge',
    help: 'Of the program and its mount; always 1.',
    labels: { version: '', transport: 'dev-fuse, fuse-native', kernel: 'its release', mountpoint: '' },
  },
  d7y_mount_up_since_timestamp_seconds: {
    group: 'state',
    type: 'gauge',
    help: 'When the mount was made.',
  },
  d7y_mount_state: {
    group: 'state',
    type: 'gauge',
    help: 'The state that the mount is in is 1, the others are 0.',
    labels: { state: 'ready, degraded, draining' },
  },
  d7y_mount_config_last_reload_successful: {
    group: 'state',
    type: 'gauge',
    help: 'Whether the configuration that was read last is effective.',
  },
  d7y_mount_config_last_reload_success_timestamp_seconds: {
    group: 'state',
    type: 'gauge',
    help: 'When the effective configuration was read.',
  },
  d7y_mount_log_messages_total: {
    group: 'state',
    type: 'counter',
    help: 'Lines of the log.',
    labels: { level: 'fatal, error, warn, info, debug, trace' },
  },
  d7y_mount_fuse_requests_total: {
    group: 'kernel',
    type: 'counter',
    help: 'Requests of the kernel that were answered, with success or an errno.',
    labels: { op: 'lookup, open, read …' },
  },
  d7y_mount_fuse_request_duration_seconds: {
    group: 'kernel',
    type: 'histogram',
    help: 'How long requests of the kernel took.',
    labels: { op: '' },
  },
  d7y_mount_fuse_errors_total: {
    group: 'kernel',
    type: 'counter',
    help: 'Requests of the kernel that were answered with an errno; of missing names those that it may not remember.',
    labels: { op: '', errno: 'ENOENT, EIO …' },
  },
  d7y_mount_fuse_requests_in_flight: {
    group: 'kernel',
    type: 'gauge',
    help: 'Requests of the kernel without an answer.',
  },
  d7y_mount_fuse_oldest_request_seconds: {
    group: 'kernel',
    type: 'gauge',
    help: 'How long the oldest request of the kernel has no answer; 0 without one.',
  },
  d7y_mount_fuse_interrupts_total: {
    group: 'kernel',
    type: 'counter',
    help: 'Requests of the kernel that it interrupted, since a signal came (dev-fuse only).',
  },
  d7y_mount_open_handles: {
    group: 'kernel',
    type: 'gauge',
    help: 'Files and directories that are open.',
    labels: { kind: 'file, directory' },
  },
  d7y_mount_inodes: {
    group: 'kernel',
    type: 'gauge',
    help: 'Inodes that the kernel knows (dev-fuse only).',
  },
  d7y_mount_passthrough_opens_total: {
    group: 'kernel',
    type: 'counter',
    help: 'Opens whose reads the kernel serves by itself from the disk cache; those reads are counted nowhere.',
  },
  d7y_mount_kernel_stored_bytes_total: {
    group: 'kernel',
    type: 'counter',
    help: 'Bytes that were put into the page cache when a file was opened, without a read.',
  },
  d7y_mount_read_bytes_total: {
    group: 'cache',
    type: 'counter',
    help: 'Bytes that reads got, by where they came from; what the page cache serves is not among them.',
    labels: { from: 'memory, disk, p2p, source' },
  },
  d7y_mount_cache_hits_total: {
    group: 'cache',
    type: 'counter',
    help: 'Reads that the tier had all bytes of that were looked for there.',
    labels: { tier: 'memory, disk' },
  },
  d7y_mount_cache_misses_total: {
    group: 'cache',
    type: 'counter',
    help: 'Reads that the tier lacked some bytes of.',
    labels: { tier: 'memory, disk' },
  },
  d7y_mount_cache_bytes: {
    group: 'cache',
    type: 'gauge',
    help: 'What is kept; of the disk only where this process writes the cache directory.',
    labels: { tier: 'memory, metadata, disk' },
  },
  d7y_mount_cache_limit_bytes: {
    group: 'cache',
    type: 'gauge',
    help: 'What may be kept.',
    labels: { tier: 'memory, metadata, disk' },
  },
  d7y_mount_cache_pinned_bytes: {
    group: 'cache',
    type: 'gauge',
    help: 'What is on disk and never evicted; only where this process writes the cache directory.',
  },
  d7y_mount_cache_evicted_bytes_total: {
    group: 'cache',
    type: 'counter',
    help: 'What had to make room.',
    labels: { tier: 'memory, disk' },
  },
  d7y_mount_cache_unstored_bytes_total: {
    group: 'cache',
    type: 'counter',
    help: 'Bytes that were not stored on disk, since it was too slow.',
  },
  d7y_mount_cache_corrupt_blocks_total: {
    group: 'cache',
    type: 'counter',
    help: 'Blocks on disk whose checksum was wrong.',
  },
  d7y_mount_cache_disk_writable: {
    group: 'cache',
    type: 'gauge',
    help: 'Whether this process writes the cache directory; one process of a user does. 0 also where it cannot be used.',
  },
  d7y_mount_metadata_lookups_total: {
    group: 'cache',
    type: 'counter',
    help: 'How metadata was had that was needed. Kept: fresh. By a request: revalidated (unchanged), queried. stale: the source could not be queried. missing: there is no such name.',
    labels: { result: 'fresh, revalidated, queried, stale, missing, failed' },
  },
  d7y_mount_stale_served_total: {
    group: 'cache',
    type: 'counter',
    help: 'How often metadata or a listing was served that its source could not confirm.',
    labels: { reason: 'timeout, connection_refused …' },
  },
  d7y_mount_stale_handles_total: {
    group: 'cache',
    type: 'counter',
    help: 'Open files that could not be read to their end, since the source has another version.',
  },
  d7y_mount_source_requests_total: {
    group: 'source',
    type: 'counter',
    help: 'Requests of HTTP and of SFTP (each OPEN, READ, STAT …), by status, or by the kind of the failure where there was no response; of sftp also failed attempts to have a session; interrupted: given up by the reader.',
    labels: { scheme: '', host: HOST, code: '206, 404, timeout …; of sftp ok, eof, no_such_file …' },
  },
  d7y_mount_source_received_bytes_total: {
    group: 'source',
    type: 'counter',
    help: 'Bytes of the bodies of responses; of sftp those of content.',
    labels: { scheme: '', host: HOST, route: ROUTE },
  },
  d7y_mount_source_first_byte_seconds: {
    group: 'source',
    type: 'histogram',
    help: 'From an HTTP request, the wait for a connection included, to the head of its response.',
    labels: { scheme: '', route: ROUTE },
  },
  d7y_mount_source_request_duration_seconds: {
    group: 'source',
    type: 'histogram',
    help: 'From a call of a source, plugins among them, to its answer, all tries included; of a download to its head.',
    labels: { scheme: '', kind: 'metadata, revalidate, list, download' },
  },
  d7y_mount_source_retries_total: {
    group: 'source',
    type: 'counter',
    help: 'HTTP requests that were sent again, by the failure before.',
    labels: { scheme: '', reason: 'timeout, connection_lost …' },
  },
  d7y_mount_source_connections: {
    group: 'source',
    type: 'gauge',
    help: 'Connections of HTTP; paused: its reader has paused.',
    labels: { state: 'active, paused, idle' },
  },
  d7y_mount_source_requests_waiting: {
    group: 'source',
    type: 'gauge',
    help: 'HTTP requests that wait for a connection.',
  },
  d7y_mount_source_calls_total: {
    group: 'source',
    type: 'counter',
    help: 'Calls of sources, plugins among them.',
    labels: { scheme: '' },
  },
  d7y_mount_source_call_failures_total: {
    group: 'source',
    type: 'counter',
    help: 'Calls of sources that failed; a missing file is a failure.',
    labels: { scheme: '' },
  },
  d7y_mount_p2p_up: {
    group: 'p2p',
    type: 'gauge',
    help: 'Whether reads go through dfdaemon; 0: it failed, and is left alone for a while.',
  },
  d7y_mount_p2p_requests_total: {
    group: 'p2p',
    type: 'counter',
    help: 'Requests through dfdaemon; ok: as much of the body came as was needed; refused: the source refused it.',
    labels: { result: 'ok, refused, rate_limit, first_byte, stall, error, mismatch' },
  },
  d7y_mount_p2p_fallbacks_total: {
    group: 'p2p',
    type: 'counter',
    help: 'Requests through dfdaemon that were continued at the source.',
    labels: { reason: 'rate_limit, first_byte, stall, error, mismatch' },
  },
  d7y_mount_p2p_first_byte_seconds: {
    group: 'p2p',
    type: 'histogram',
    help: 'From a request through dfdaemon to the head of its response.',
  },
  d7y_mount_plugin_up: {
    group: 'job',
    type: 'gauge',
    help: 'Whether the process of a plugin runs; one that was not used yet has none.',
    labels: { scheme: '' },
  },
  d7y_mount_plugin_restarts_total: {
    group: 'job',
    type: 'counter',
    help: 'Starts of the process of a plugin after the first one.',
    labels: { scheme: '' },
  },
  d7y_mount_plugin_requests_total: {
    group: 'job',
    type: 'counter',
    help: 'Calls of a plugin.',
    labels: { scheme: '' },
  },
  d7y_mount_plugin_memory_bytes: {
    group: 'job',
    type: 'gauge',
    help: 'Resident memory of the processes of a plugin.',
    labels: { scheme: '' },
  },
  d7y_mount_warm_jobs: {
    group: 'job',
    type: 'gauge',
    help: 'Jobs of d7y-mount warm: running, and those that have ended since the start.',
    labels: { state: 'running, done, cancelled, failed' },
  },
  process_cpu_seconds_total: {
    group: 'process',
    type: 'counter',
    help: 'Processor time, of user and system.',
  },
  process_resident_memory_bytes: {
    group: 'process',
    type: 'gauge',
    help: 'Resident memory.',
  },
  process_virtual_memory_bytes: {
    group: 'process',
    type: 'gauge',
    help: 'Address space. V8 reserves far more than it uses.',
  },
  process_start_time_seconds: {
    group: 'process',
    type: 'gauge',
    help: 'When the process was started.',
  },
  process_open_fds: {
    group: 'process',
    type: 'gauge',
    help: 'Open file descriptors.',
  },
  process_max_fds: {
    group: 'process',
    type: 'gauge',
    help: 'How many file descriptors may be open.',
  },
  nodejs_heap_size_used_bytes: {
    group: 'process',
    type: 'gauge',
    help: 'Of the heap of V8.',
  },
  nodejs_external_memory_bytes: {
    group: 'process',
    type: 'gauge',
    help: 'Of buffers outside of the heap; the blocks of files are among them.',
  },
  nodejs_eventloop_active_seconds_total: {
    group: 'process',
    type: 'counter',
    help: 'How long the event loop was not idle: near 1 in a second, the main thread is the limit.',
  },
  nodejs_eventloop_lag_seconds: {
    group: 'process',
    type: 'summary',
    help: 'How late the event loop was, in the last one or two minutes; 1 is the maximum. Measured from the first query of metrics on.',
    labels: { quantile: '0.5, 0.9, 0.99, 1' },
  },
} as const satisfies Readonly<Record<string, MetricFacts>>;

export type MetricName = keyof typeof METRIC_TABLE;
