import type { HistogramCounts } from '../histogram.js';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** Prometheus' text format, version 0.0.4. */
export class Exposition {
  readonly #lines: string[] = [];

  get text(): string {
    return this.#lines.join('');
  }

  /** `name` ends with `_total`. */
  counter(name: string, help: string, samples: readonly Sample[] | number): void {
    this.#family(name, 'counter', help, samples);
  }

  gauge(name: string, help: string, samples: readonly Sample[] | number): void {
    this.#family(name, 'gauge', help, samples);
  }

  /** In seconds. */
  histogram(name: string, help: string, rows: readonly (readonly [Labels, HistogramCounts])[]): void {
    if (rows.length === 0) return;
    this.#head(name, 'histogram', help);
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

  #family(name: string, type: string, help: string, samples: readonly Sample[] | number): void {
    const rows: readonly Sample[] = typeof samples === 'number' ? [[{}, samples]] : samples;
    if (rows.length === 0) return;
    this.#head(name, type, help);
    for (const [labels, value] of rows) this.#line(name, labels, value);
  }

  #head(name: string, type: string, help: string): void {
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
