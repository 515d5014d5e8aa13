import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';

import test from 'ava';

import { metricsOf } from '../../src/control/metrics.js';
import { testWhere } from '../support/conditional-test.js';
import { parseExposition } from '../support/exposition.js';
import { mountReport } from '../support/mount-report.js';

const DOCUMENT = new URL('../../../docs/OPERATING.md', import.meta.url);

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
  t.is(valueOf('d7y_mount_info', { version: '1.2.3' }), 1);
});

test('without a disk cache there are no metrics of one', (t) => {
  const report = mountReport();
  const families = parseExposition(metricsOf({ ...report, cache: { ...report.cache, disk: undefined } }));
  for (const [name, { samples }] of families) {
    t.false(name.includes('disk') || samples.some(({ labels }) => labels['tier'] === 'disk'), name);
  }
});

test('docs/OPERATING.md has every metric, and no other', async (t) => {
  const names = [...parseExposition(metricsOf(mountReport())).keys()];
  const document = await readFile(DOCUMENT, 'utf8');
  const documented = [...document.matchAll(/^\| `((?:d7y_mount|process|nodejs)_\w+)/gm)].map(
    ([, name]) => name,
  );
  t.deepEqual(new Set(documented), new Set(names));
  t.is(documented.length, names.length);
});

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

testWhere(hasPromtool, 'promtool')('promtool finds no fault with the metrics', (t) => {
  // Exits with 3 for what it would name otherwise.
  const found = execFileSync('promtool', ['check', 'metrics'], { input: metricsOf(mountReport()) });
  t.is(found.toString(), '');
});
