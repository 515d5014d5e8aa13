import { ProgramFailed } from './programs.js';
import type { Record, Result } from './result.js';
import type { Row } from './row.js';
import type { Setup } from './setup.js';
import type { Subject } from './subject.js';

/** Measures a row: each subject once per round, so that what disturbs the machine disturbs all of them. */
export async function runRow(
  row: Row,
  setup: Setup,
  rounds: number,
  onProgress: (text: string) => void,
): Promise<Result> {
  // A program that is not installed here costs one row, not all.
  const subjects = await row.subjects(setup).catch(messageOf);
  if (typeof subjects === 'string') return { row, records: [], skipped: subjects };
  const records = subjects.map(({ role, name }): Record => ({
    role,
    name,
    samples: new Map(),
    failures: [],
  }));
  for (let round = 1; round <= rounds; round += 1) {
    for (const [i, subject] of subjects.entries()) {
      const record = records[i];
      if (record === undefined) continue;
      const found = await measureOnce(subject, round, record);
      onProgress(`${row.name} ${round}/${rounds} ${subject.name}: ${found}`);
    }
  }
  return { row, records };
}

/** A failure is a result; it is not measured again in the hope of a better one. */
async function measureOnce(subject: Subject, round: number, record: Record): Promise<string> {
  try {
    const figures = await subject.measure(round);
    for (const [metric, value] of Object.entries(figures)) {
      record.samples.set(metric, [...(record.samples.get(metric) ?? []), value]);
    }
    return Object.entries(figures)
      .map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`)
      .join(', ');
  } catch (error) {
    const message = messageOf(error);
    record.failures.push(message);
    return message;
  }
}

/** Rejects on an interrupt, which ends all rows. */
function messageOf(error: unknown): string {
  if (error instanceof ProgramFailed && error.code === 'INTERRUPTED') throw error;
  return error instanceof Error ? error.message : String(error);
}
