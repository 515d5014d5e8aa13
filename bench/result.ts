import { median } from './median.js';
import type { Metric, Row, Target } from './row.js';
import type { Role } from './subject.js';

/** The figures of one subject in all rounds, by the metrics' names. */
export interface Record {
  readonly role: Role;
  readonly name: string;
  readonly samples: Map<string, number[]>;
  /** Messages, one for each round that failed. */
  readonly failures: string[];
}

export interface Result {
  readonly row: Row;
  readonly records: readonly Record[];
  /** Why it was not measured. */
  readonly skipped?: string;
}

/** The best subject of a role, by its median. */
export interface Best {
  readonly name: string;
  readonly value: number;
}

export function best(result: Result, metric: Metric, role: Role): Best | undefined {
  return ranked(result, metric, role).at(0);
}

/** All subjects of a role that have a figure, the best first. */
function ranked(result: Result, metric: Metric, role: Role): Best[] {
  const sign = metric.better === 'more' ? 1 : -1;
  return result.records
    .filter((record) => record.role === role)
    .map(({ name, samples }) => ({ name, value: median(samples.get(metric.name) ?? []) }))
    .filter(({ value }) => !Number.isNaN(value))
    .toSorted((a, b) => sign * (b.value - a.value));
}

export type Verdict = 'pass' | 'FAIL' | 'unknown';

/** A verdict, and what it was measured by. */
export interface Judgement {
  /** Undefined: a limit, or nothing to compare with. */
  readonly by: string | undefined;
  readonly verdict: Verdict;
}

/**
 * Ours by the best of the peers, and by each of the bare clients and local files, which differ among themselves.
 * Unknown: nothing to compare with. A failure of ours in any round is a FAIL.
 */
export function judge(result: Result, metric: Metric, target: Target): readonly Judgement[] {
  const ours = best(result, metric, 'ours');
  const hasFailed = result.records.some(({ role, failures }) => role === 'ours' && failures.length > 0);
  if (ours === undefined || hasFailed) return [{ by: undefined, verdict: 'FAIL' }];
  if ('limit' in target) {
    return [{ by: undefined, verdict: reaches(metric, ours.value, target.limit) }];
  }
  const others = ranked(result, metric, target.times);
  if (others.length === 0) return [{ by: undefined, verdict: 'unknown' }];
  return (target.times === 'peer' ? others.slice(0, 1) : others).map(({ name, value }) => ({
    by: name,
    verdict: reaches(metric, ours.value, value * target.factor),
  }));
}

function reaches({ better }: Metric, value: number, bound: number): Verdict {
  return (better === 'more' ? value >= bound : value <= bound) ? 'pass' : 'FAIL';
}
