import { ProgramFailed } from './programs.js';
import type { Record, Result } from './result.js';
import type { Entrant, Row } from './row.js';
import type { Stage } from './stage.js';

/** Measures a row: each entrant once per round, so that what disturbs the machine disturbs all of them. */
export async function hold(
  row: Row,
  stage: Stage,
  rounds: number,
  tell: (progress: string) => void,
): Promise<Result> {
  const entrants = await row.enter(stage).catch(notPrepared);
  if (typeof entrants === 'string') return { row, records: [], skipped: entrants };
  const records = entrants.map(({ role, name }): Record => ({
    role,
    name,
    samples: new Map(),
    failures: [],
  }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, entrant] of entrants.entries()) {
      const record = records[i];
      if (record === undefined) continue;
      tell(`${row.name} ${round}/${rounds} ${entrant.name}: ${await measureOnce(entrant, round, record)}`);
    }
  }
  return { row, records };
}

/** A program that is not installed here costs one row, not all. */
function notPrepared(error: unknown): string {
  if (error instanceof ProgramFailed && error.code === 'INTERRUPTED') throw error;
  return error instanceof Error ? error.message : String(error);
}

/** A failure is a result; it is not measured again in the hope of a better one. */
async function measureOnce(entrant: Entrant, round: number, record: Record): Promise<string> {
  try {
    const figures = await entrant.measure(round);
    for (const [metric, value] of Object.entries(figures)) {
      record.samples.set(metric, [...(record.samples.get(metric) ?? []), value]);
    }
    return Object.entries(figures)
      .map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`)
      .join(', ');
  } catch (error) {
    if (error instanceof ProgramFailed && error.code === 'INTERRUPTED') throw error;
    const message = error instanceof Error ? error.message : String(error);
    record.failures.push(message);
    return message;
  }
}
