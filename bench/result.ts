import { median } from './median.js';
import type { Metric, Role, Row, Target } from './row.js';

/** What one entrant did in all rounds, by the metrics' names. */
export interface Record {
  readonly role: Role;
  readonly name: string;
  readonly samples: Map<string, number[]>;
  /** Messages, one for each round that failed. */
  readonly failures: string[];
}

/** What a row came to. */
export interface Result {
  readonly row: Row;
  readonly records: readonly Record[];
  /** Why it was not measured. */
  readonly skipped?: string;
}

/** The best entrant of a role, by its median. */
export interface Best {
  readonly name: string;
  readonly value: number;
}

export function best(result: Result, metric: Metric, role: Role): Best | undefined {
  const sign = metric.better === 'more' ? 1 : -1;
  return result.records
    .filter((record) => record.role === role)
    .map(({ name, samples }) => ({ name, value: median(samples.get(metric.name) ?? []) }))
    .filter(({ value }) => !Number.isNaN(value))
    .toSorted((a, b) => sign * (b.value - a.value))
    .at(0);
}

export type Verdict = 'pass' | 'FAIL' | 'unknown';

/** Unknown: nobody to compare with. A failure of ours in any round is a FAIL. */
export function judge(result: Result, metric: Metric, target: Target): Verdict {
  const ours = best(result, metric, 'ours');
  if (
    ours === undefined ||
    result.records.some(({ role, failures }) => role === 'ours' && failures.length > 0)
  ) {
    return 'FAIL';
  }
  const other = 'limit' in target ? { value: target.limit } : best(result, metric, target.times);
  if (other === undefined) return 'unknown';
  const bound = other.value * ('limit' in target ? 1 : target.factor);
  return (metric.better === 'more' ? ours.value >= bound : ours.value <= bound) ? 'pass' : 'FAIL';
}
