import type { HistogramCounts } from '../histogram.js';
import { METRIC_TABLE, type MetricName } from './metric-table.js';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** Quantiles of a window of time, with the count and the sum since the start. */
export interface SummaryCounts {
  readonly quantiles: readonly (readonly [quantile: number, seconds: number])[];
  readonly count: number;
  readonly sumSeconds: number;
}

/** Prometheus' text format, version 0.0.4. A metric without samples is left out. */
export class Exposition {
  readonly #lines: string[] = [];

  get text(): string {
    return this.#lines.join('');
  }

  /** Of a counter or a gauge. */
  add(name: MetricName, samples: readonly Sample[] | number | undefined): void {
    const rows: readonly Sample[] = typeof samples === 'number' ? [[{}, samples]] : (samples ?? []);
    if (rows.length === 0) return;
    this.#head(name);
    for (const [labels, value] of rows) this.#line(name, labels, value);
  }

  /** In seconds. */
  histogram(name: MetricName, rows: readonly (readonly [Labels, HistogramCounts])[]): void {
    if (rows.length === 0) return;
    this.#head(name);
    for (const [labels, { boundsMs, counts, sumMs }] of rows) {
      let below = 0;
      for (const [i, count] of counts.entries()) {
        below += count;
        const bound = boundsMs[i];
        const le = bound === undefined ? '+Inf' : String(bound / 1000);
        this.#line(`${name}_bucket`, { ...labels, le }, below);
      }
      this.#line(`${name}_sum`, labels, sumMs / 1000);
      this.#line(`${name}_count`, labels, below);
    }
  }

  summary(name: MetricName, counts: SummaryCounts | undefined): void {
    if (counts === undefined) return;
    this.#head(name);
    for (const [quantile, value] of counts.quantiles) this.#line(name, { quantile: String(quantile) }, value);
    this.#line(`${name}_sum`, {}, counts.sumSeconds);
    this.#line(`${name}_count`, {}, counts.count);
  }

  #head(name: MetricName): void {
    const { type, help } = METRIC_TABLE[name];
    this.#lines.push(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`);
  }
}

function escaped(text: string): string {
  return text
    .replaceAll('\\', String.raw`\\`)
    .replaceAll('"', String.raw`\"`)
    .replaceAll('\n', String.raw`\n`);
}
