/** The queries of deploy/grafana and deploy/prometheus. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { parse } from 'yaml';

import { METRIC_TABLE, type MetricFacts } from '../../src/control/metric-table.js';

const ROOT = new URL('../../../', import.meta.url);
export const ALERTS = fileURLToPath(new URL('deploy/prometheus/alerts.yaml', ROOT));
export const ALERTS_TEST = fileURLToPath(new URL('test/monitoring/alerts-test.yaml', ROOT));

export interface Dashboard {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
  readonly panels: readonly Panel[];
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

export interface Query {
  readonly title: string;
  readonly expr: string;
}

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

export async function dashboard(): Promise<Dashboard> {
  return JSON.parse(await readFile(new URL('deploy/grafana/d7y-mount.json', ROOT), 'utf8')) as Dashboard;
}

/** As Grafana sends them, for all instances of a job. */
export async function dashboardQueries(job: string, rateInterval: string): Promise<Query[]> {
  const { panels } = await dashboard();
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({
      title,
      expr: expr
        .replaceAll('$job', job)
        .replaceAll('$instance', '.*')
        .replaceAll('$__rate_interval', rateInterval),
    })),
  );
}

export async function alerts(): Promise<Alert[]> {
  const { groups } = parse(await readFile(ALERTS, 'utf8')) as { groups: { rules: Alert[] }[] };
  return groups.flatMap(({ rules }) => rules);
}

/** The names of metrics in a query, as the table has them: a bucket is one of its histogram. */
export function metricsIn(expr: string): string[] {
  const table: Readonly<Record<string, MetricFacts>> = METRIC_TABLE;
  return [...expr.matchAll(/\b(?:d7y_mount|process|nodejs)_\w+/g)].map(([name]) => {
    const [, family, suffix] = /^(.*)_(bucket|sum|count)$/.exec(name) ?? [];
    return family !== undefined && suffix !== undefined && table[family]?.type === 'histogram'
      ? family
      : name;
  });
}

/** The labels that a query matches, or groups by. */
export function labelsIn(expr: string): string[] {
  const grouped = [...expr.matchAll(/\b(?:by|on|without) ?\(([^)]*)\)/g)].flatMap(([, names = '']) =>
    names.split(',').map((name) => name.trim()),
  );
  const matched = [...expr.matchAll(/[{,] *(\w+) *(?:=~|!~|!=|=)/g)].map(([, name = '']) => name);
  return [...new Set([...grouped, ...matched])];
}
