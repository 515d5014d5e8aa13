/**
 * A row of the benchmark: what is measured, on whom, and what is aimed at. The entry runs the entrants of a
 * row one after the other in each round, and owns failures; a row only measures.
 */
import type { Stage } from './stage.js';

/** `bare`: the transfer without any filesystem. `peer`: another remote filesystem. `local`: a local file. */
export type Role = 'bare' | 'local' | 'ours' | 'peer';

/** At least (or at most, where less is better) `factor` times the best of `times`, or the `limit` itself. */
export type Target = { readonly times: Role; readonly factor: number } | { readonly limit: number };

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'more' | 'less';
  readonly targets: readonly Target[];
}

/** One figure for each metric of the row that the entrant has something to say about, by the metric's name. */
export type Figures = Readonly<Record<string, number>>;

export interface Entrant {
  readonly role: Role;
  readonly name: string;
  readonly measure: (round: number) => Promise<Figures>;
}

export interface Row {
  readonly name: string;
  readonly metrics: readonly Metric[];
  /** Builds what the row reads, and tells who takes part. A string: why the row cannot be measured here. */
  readonly enter: (stage: Stage) => Promise<readonly Entrant[] | string>;
}
