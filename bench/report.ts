import { median } from './median.js';
import { best, judge, type Result } from './result.js';
import type { Metric, Target } from './row.js';
import type { Role } from './subject.js';

const WIDTHS = [16, 24, 24, 14, 24, 9, 9] as const;

/** The lines above the rows. */
export function header(): string {
  return columns(['row', 'measured', 'bare or local', 'd7y-mount', 'peer', 'x bare', 'x peer'], 'target');
}

/** One line for each metric of a row, and one for each failure. Figures are medians. */
export function lines(result: Result): string[] {
  const { row, skipped } = result;
  if (skipped !== undefined) return [columns([row.name], `not measured: ${skipped}`)];
  return [
    ...row.metrics.map((metric) => line(result, metric)),
    ...result.records.flatMap(({ name, failures }) =>
      failures.map((failure) => columns(['', `! ${name}:`], failure)),
    ),
  ];
}

function line(result: Result, metric: Metric): string {
  const first = metric === result.row.metrics[0];
  const [bare, local, ours, peer] = (['bare', 'local', 'ours', 'peer'] as const).map((role) =>
    best(result, metric, role),
  );
  const reference = bare ?? local;
  const targets = metric.targets.map(
    (target) => `${sense(metric, target)} ${verdicts(result, metric, target)}`,
  );
  return columns(
    [
      first ? result.row.name : '',
      `${metric.name}${metric.unit === '' ? '' : `, ${metric.unit}`}`,
      reference === undefined ? '-' : `${number(reference.value)} ${reference.name}`,
      ours === undefined ? '-' : number(ours.value),
      peer === undefined ? '-' : `${number(peer.value)} ${peer.name}`,
      ratio(ours?.value, reference?.value),
      ratio(ours?.value, peer?.value),
    ],
    targets.join('; '),
  );
}

function sense(metric: Metric, target: Target): string {
  const sign = metric.better === 'more' ? '>=' : '<=';
  return 'limit' in target ? `${sign} ${target.limit}` : `${sign} ${target.factor} x ${target.times}`;
}

/** `pass`; where there are several to compare with, `FAIL (http.client), pass (undici)`. */
function verdicts(result: Result, metric: Metric, target: Target): string {
  const judgements = judge(result, metric, target);
  return judgements
    .map(({ by, verdict }) => (judgements.length === 1 ? verdict : `${verdict} (${by})`))
    .join(', ');
}

function ratio(value: number | undefined, other: number | undefined): string {
  if (value === undefined || other === undefined || other === 0) return '-';
  return number(value / other);
}

function number(value: number): string {
  if (value < 1) return value.toFixed(3);
  return value.toFixed(value < 10 ? 2 : 0);
}

function columns(cells: readonly string[], last: string): string {
  const padded = WIDTHS.map((width, i) => (cells[i] ?? '').padEnd(width));
  return `${padded.join(' ')} ${last}`.trimEnd();
}

/** Everything, for programs. */
export function toJson(results: readonly Result[], about: Readonly<Record<string, unknown>>): string {
  const rows = results.map((result) => ({
    row: result.row.name,
    skipped: result.skipped,
    metrics: result.row.metrics.map((metric) => ({
      ...metric,
      best: Object.fromEntries(
        (['bare', 'local', 'ours', 'peer'] as readonly Role[]).map((role) => [
          role,
          best(result, metric, role),
        ]),
      ),
      verdicts: metric.targets.map((target) => judge(result, metric, target)),
      subjects: result.records.map(({ role, name, samples }) => {
        const values = samples.get(metric.name) ?? [];
        return { role, name, median: median(values), samples: values };
      }),
    })),
    failures: result.records.flatMap(({ name, failures }) => failures.map((message) => ({ name, message }))),
  }));
  return `${JSON.stringify({ ...about, rows }, undefined, 2)}\n`;
}
