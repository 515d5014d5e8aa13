/** A row of the benchmark: what is measured, on which subjects, and the targets. */
import type { Setup } from './setup.js';
import type { Role, Subject } from './subject.js';

/** At least (or at most, where less is better) `factor` times the best of `times`, or the `limit` itself. */
export type Target = { readonly times: Role; readonly factor: number } | { readonly limit: number };

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly targets: readonly Target[];
}

export interface Row {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** Builds the files that the row reads. Rejects where the row cannot be measured. */
  readonly subjects: (setup: Setup) => Promise<readonly Subject[]>;
}
