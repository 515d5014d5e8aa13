import { execFileSync, spawnSync } from 'node:child_process';

import test from 'ava';

import { EventLoopLag } from '../../src/control/event-loop-lag.js';
import { METRIC_TABLE, type MetricFacts } from '../../src/control/metric-table.js';
import { metricsOf } from '../../src/control/metrics.js';
import { testWhere } from '../support/conditional-test.js';
import { parseExposition } from '../support/exposition.js';
import { mountReport } from '../support/mount-report.js';

test('the metrics are well-formed, and count what there is', (t) => {
  const families = parseExposition(metricsOf(mountReport()));
  const valueOf = (name: string, labels: Record<string, string> = {}): number | undefined =>
    families
      .get(name)
      ?.samples.find((sample) => Object.entries(labels).every(([k, v]) => sample.labels[k] === v))?.value;
  t.is(valueOf('d7y_mount_fuse_errors_total', { op: 'lookup', errno: 'ENOENT' }), 1);
  t.is(valueOf('d7y_mount_fuse_errors_total', { op: 'lookup', errno: 'ESTALE' }), 1);
  t.is(valueOf('d7y_mount_fuse_request_duration_seconds', { op: 'lookup', le: '+Inf' }), 2);
  t.is(valueOf('d7y_mount_source_requests_total', { host: 'bucket.example.org', code: '206' }), 1);
  t.is(valueOf('d7y_mount_source_requests_total', { scheme: 's3', code: 'timeout' }), 1);
  t.is(valueOf('d7y_mount_source_first_byte_seconds', { scheme: 's3', le: '0.01' }), 1);
  t.is(valueOf('d7y_mount_source_first_byte_seconds', { scheme: 's3', le: '0.005' }), 0);
  t.is(valueOf('d7y_mount_cache_hits_total', { tier: 'memory' }), 2);
  t.is(valueOf('d7y_mount_cache_misses_total', { tier: 'memory' }), 2);
  t.is(valueOf('d7y_mount_cache_misses_total', { tier: 'disk' }), 1);
  t.is(valueOf('d7y_mount_plugin_restarts_total', { scheme: 'pyfs' }), 2);
  t.is(valueOf('d7y_mount_fuse_requests_total', { op: 'lookup' }), 2);
  t.is(valueOf('d7y_mount_source_retries_total', { scheme: 's3', reason: 'timeout' }), 1);
  t.is(valueOf('d7y_mount_source_received_bytes_total', { scheme: 's3', route: 'direct' }), 1000);
  t.is(
    valueOf('d7y_mount_source_request_duration_seconds', { scheme: 's3', kind: 'metadata', le: '0.01' }),
    1,
  );
  t.is(valueOf('d7y_mount_metadata_lookups_total', { result: 'queried' }), 2);
  t.is(valueOf('d7y_mount_stale_served_total', { reason: 'not_found' }), 1);
  t.is(valueOf('nodejs_eventloop_lag_seconds', { quantile: '0.99' }), 0.1);
  t.is(valueOf('d7y_mount_info', { version: '1.2.3' }), 1);
});

test('without a disk cache there are no metrics of one', (t) => {
  const report = mountReport();
  const families = parseExposition(metricsOf({ ...report, cache: { ...report.cache, disk: undefined } }));
  for (const [name, { samples }] of families) {
    t.false(name.includes('disk') || samples.some(({ labels }) => labels['tier'] === 'disk'), name);
  }
});

test('a disk cache that is wanted and cannot be used is not writable', (t) => {
  const report = mountReport({ lacksDisk: true });
  const families = parseExposition(metricsOf({ ...report, cache: { ...report.cache, disk: undefined } }));
  t.is(families.get('d7y_mount_cache_disk_writable')?.samples[0]?.value, 0);
});

test('every metric of the table is shown, with its type and its labels, and no other', (t) => {
  const families = parseExposition(metricsOf(mountReport()));
  const table: Readonly<Record<string, MetricFacts>> = METRIC_TABLE;
  t.deepEqual([...families.keys()].toSorted(), Object.keys(table).toSorted());
  for (const [name, { type, help, samples }] of families) {
    const facts = table[name];
    t.deepEqual({ type, help }, { type: facts?.type, help: facts?.help }, name);
    for (const { labels } of samples) {
      const { le: _, ...own } = labels;
      // The sum of a summary has no quantile.
      if (type !== 'summary') t.deepEqual(Object.keys(own), Object.keys(facts?.labels ?? {}), name);
    }
  }
});

test('the lag of the event loop is measured while it is read', (t) => {
  const lag = new EventLoopLag();
  lag.report();
  const block = (): void => {
    for (const until = performance.now() + 300; performance.now() < until;);
  };
  return new Promise((resolve) => {
    const look = (): void => {
      const worst = lag.report()?.quantiles.at(-1);
      if (worst === undefined || worst[1] < 0.1) {
        block();
        setTimeout(look, 1);
        return;
      }
      t.is(worst[0], 1);
      resolve();
    };
    setTimeout(look, 1);
  });
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

testWhere(hasPromtool, 'promtool')('promtool finds no fault with the metrics', (t) => {
  // Exits with 3 for what it would name otherwise.
  const found = execFileSync('promtool', ['check', 'metrics'], { input: metricsOf(mountReport()) });
  t.is(found.toString(), '');
});
