import { messageOf } from '../src/error-code.js';
import { mount, type Mounter } from './mounts.js';
import { isInterrupted } from './programs.js';
import type { Bench, Figures, Row } from './row.js';

/** The figures of one subject in all rounds, by the metrics' names. */
export interface Record {
  readonly name: string;
  readonly samples: Map<string, number[]>;
  /** Messages, one for each round that failed. */
  readonly failures: string[];
}

export interface Result {
  readonly row: Row;
  readonly records: readonly Record[];
}

/** Each subject once per round, in turns from the first and from the last, so that what disturbs one disturbs all. */
export async function runRow(row: Row, bench: Bench): Promise<Result> {
  const mounters = [...(row.mounters?.(bench) ?? [bench.ours, ...bench.rclone])];
  if (row.boundThreads !== undefined && bench.bound !== undefined) {
    mounters.push(bench.bound(bench.files.root, row.boundThreads));
  }
  const subjects = [
    ...Object.entries(row.bare).map(([name, measure]) => ({
      record: newRecord(name),
      measure: (round: number) => measure(bench, round),
    })),
    ...mounters.map((mounter) => ({
      record: newRecord(mounter.name),
      measure: (round: number) => onMount(row, bench, mounter, round),
    })),
  ];
  const result = { row, records: subjects.map(({ record }) => record) };
  try {
    await row.prepare(bench);
  } catch (error) {
    // A program that is not installed costs one row, not all.
    result.records[0]?.failures.push(messageOf(error));
    return result;
  }
  for (let round = 1; round <= bench.options.rounds; round += 1) {
    for (const { record, measure } of round % 2 === 1 ? subjects : subjects.toReversed()) {
      if (isInterrupted()) return result;
      const found = await measureOnce(record, () => measure(round));
      process.stderr.write(`bench: ${row.name} ${round}/${bench.options.rounds} ${record.name}: ${found}\n`);
    }
  }
  return result;
}

function newRecord(name: string): Record {
  return { name, samples: new Map(), failures: [] };
}

async function onMount(row: Row, bench: Bench, mounter: Mounter, round: number): Promise<Figures> {
  const options = mounter.name.startsWith('d7y') ? (row.options ?? []) : [];
  const shown = { origin: bench.origins[row.origin], options };
  const mounted = await mount(bench.directory, mounter, shown);
  try {
    await row.warmUp?.(bench, mounted);
    const figures = await row.mounted(bench, mounted, round);
    if (mounter === bench.ours) return figures;
    // Others have none.
    const { 'main thread': _, ...others } = figures;
    return others;
  } finally {
    await mounted.remove();
  }
}

/** A failure is a result; it is not measured again in the hope of a better one. */
async function measureOnce(record: Record, measure: () => Promise<Figures>): Promise<string> {
  try {
    const figures = Object.entries(await measure());
    for (const [metric, value] of figures) {
      record.samples.set(metric, [...(record.samples.get(metric) ?? []), value]);
    }
    return figures.map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`).join(', ');
  } catch (error) {
    record.failures.push(messageOf(error));
    return messageOf(error);
  }
}
