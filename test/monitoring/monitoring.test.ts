/** The dashboard and the alerts are about metrics that there are; promtool checks what they say. */
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { METRIC_TABLE, type MetricFacts } from '../../src/control/metric-table.js';
import { testWhere } from '../support/conditional-test.js';
import { run } from '../support/run.js';
import { temporaryDirectory } from '../support/temp.js';
import {
  ALERTS,
  ALERTS_TEST,
  alerts,
  dashboard,
  dashboardQueries,
  labelsIn,
  metricsIn,
  type Query,
} from './queries.js';

const TABLE: Readonly<Record<string, MetricFacts>> = METRIC_TABLE;
/** Of each sample: those that Prometheus adds, and that of a histogram. */
const COMMON_LABELS = ['job', 'instance', 'le'];
const TROUBLESHOOTING = new URL('../../../docs/TROUBLESHOOTING.md', import.meta.url);

const withPromtool = testWhere(spawnSync('promtool', ['--version']).status === 0, 'promtool');

test('dashboard and alerts have metrics and labels of the table only', async (t) => {
  const { templating } = await dashboard();
  const variables = templating.list.flatMap(({ name, definition }) =>
    definition === undefined ? [] : [{ title: name, expr: definition }],
  );
  const rules = (await alerts()).map(({ alert: title, expr }): Query => ({ title, expr }));
  for (const { title, expr } of [...variables, ...(await dashboardQueries('d7y-mount', '1m')), ...rules]) {
    const names = metricsIn(expr);
    if (!expr.startsWith('up{')) t.true(names.length > 0, title);
    const labels = new Set(COMMON_LABELS);
    for (const name of names) {
      t.true(name in TABLE, `${title}: ${name}`);
      for (const label of Object.keys(TABLE[name]?.labels ?? {})) labels.add(label);
    }
    for (const label of labelsIn(expr)) t.true(labels.has(label), `${title}: the label ${label}`);
  }
});

test('the dashboard shows every group of metrics, and its panels do not overlap', async (t) => {
  const { panels, schemaVersion } = await dashboard();
  t.true(schemaVersion >= 38, 'of Grafana 10');
  t.is(new Set(panels.map(({ id }) => id)).size, panels.length);
  const taken = new Set<string>();
  for (const { title, gridPos } of panels) {
    t.true(gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        t.false(taken.has(`${x} ${y}`), title);
        taken.add(`${x} ${y}`);
      }
    }
  }
  const shown = new Set((await dashboardQueries('', '1m')).flatMap(({ expr }) => metricsIn(expr)));
  const groups = new Set([...shown].map((name) => TABLE[name]?.group));
  for (const { group } of Object.values(TABLE)) t.true(groups.has(group), group);
});

test('each alert has a runbook in docs/TROUBLESHOOTING.md, and a test', async (t) => {
  const [guide, tests] = [await readFile(TROUBLESHOOTING, 'utf8'), await readFile(ALERTS_TEST, 'utf8')];
  for (const { alert, annotations } of await alerts()) {
    t.is(annotations['runbook'], `docs/TROUBLESHOOTING.md#${alert.toLowerCase()}`);
    t.true(guide.includes(`\n### ${alert}\n`), alert);
    t.is(tests.split(`alertname: ${alert}`).length - 1, 2, `${alert}: one that fires, and one that does not`);
  }
});

withPromtool('promtool accepts the alerts, and they fire when they should', async (t) => {
  for (const [command, path] of [
    ['check', ALERTS],
    ['test', ALERTS_TEST],
  ] as const) {
    const { code, stdout, stderr } = await run('promtool', [command, 'rules', path]);
    t.is(code, 0, stdout + stderr);
  }
});

withPromtool('promtool accepts the queries of the dashboard', async (t) => {
  const queries = await dashboardQueries('d7y-mount', '1m');
  const rules = queries.map(({ expr }, i) => ({ record: `query:${i}`, expr }));
  const path = join(await temporaryDirectory(t), 'queries.yaml');
  // JSON is YAML.
  await writeFile(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
  const { code, stdout, stderr } = await run('promtool', ['check', 'rules', path]);
  t.is(code, 0, stdout + stderr);
});
