import type { Metric, Target } from './row.js';
import type { Result } from './run-row.js';

/** The subject that the others stand beside. */
const OURS = 'd7y-mount';
const WIDTHS = [19, 24, 11];

/** A line for each metric: medians, how many times another one's figure ours is, and the targets. */
export function table(results: readonly Result[]): string {
  const header = columns(['row', 'measured', OURS], 'beside it (d7y-mount in times of it)');
  return [header, ...results.flatMap(lines)].join('\n');
}

function lines(result: Result): string[] {
  const metrics = Object.entries(result.row.metrics).map(([name, metric], i) => {
    const { [OURS]: ours, ...others } = medians(result, name);
    const beside = Object.entries(others).map(([subject, value]) => {
      const times = ours === undefined || value === 0 ? '' : ` (${number(ours / value)})`;
      return `${subject} ${number(value)}${times}`;
    });
    const sign = metric.better === 'more' ? '>=' : '<=';
    const targets = metric.targets.map(
      (target) => `${sign} ${target.join(' x ')}: ${judge(result, name, metric, target)}`,
    );
    const title = [i === 0 ? result.row.name : '', `${name}, ${metric.unit}`];
    return columns([...title, ours === undefined ? '-' : number(ours)], [...beside, ...targets].join('; '));
  });
  const failures = result.subjects.flatMap(({ name, failures }) =>
    failures.map((text) => `  ! ${name}: ${text}`),
  );
  return [...metrics, ...failures];
}

/** Every figure, for programs. */
export function toJson(results: readonly Result[], about: Readonly<Record<string, unknown>>): string {
  const rows = results.map(({ row, subjects }) => ({ row: row.name, metrics: row.metrics, subjects }));
  return `${JSON.stringify({ ...about, rows }, undefined, 2)}\n`;
}

/** By subject, of those that have figures. */
function medians({ subjects }: Result, metric: string): Record<string, number> {
  const found = subjects.map(({ name, samples }) => [name, median(samples[metric] ?? [])] as const);
  return Object.fromEntries(found.filter(([, value]) => !Number.isNaN(value)));
}

/** A failure of ours in any round is a FAIL. Unknown: nothing to compare with. */
function judge(result: Result, name: string, { better }: Metric, [limit, times]: Target): string {
  const { [OURS]: ours, ...others } = medians(result, name);
  const hasFailed = result.subjects.some(({ name, failures }) => name === OURS && failures.length > 0);
  if (ours === undefined || hasFailed) return 'FAIL';
  const values = Object.keys(others).flatMap((other) =>
    times !== undefined && other.startsWith(times) ? [others[other] ?? NaN] : [],
  );
  if (times !== undefined && values.length === 0) return 'unknown';
  const best = times === undefined ? 1 : better === 'more' ? Math.max(...values) : Math.min(...values);
  return (better === 'more' ? ours >= limit * best : ours <= limit * best) ? 'pass' : 'FAIL';
}

/** The mean of the middle two where there is no middle one; NaN of nothing. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? NaN) + (sorted[Math.floor(middle)] ?? NaN)) / 2;
}

function number(value: number): string {
  return Math.abs(value) < 1 ? value.toFixed(3) : value.toFixed(Math.abs(value) < 10 ? 2 : 0);
}

function columns(cells: readonly string[], last: string): string {
  return `${cells.map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0)).join('')} ${last}`.trimEnd();
}
