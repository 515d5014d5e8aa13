import { messageOf } from '../src/error-code.js';
import { mount, type Mounter } from './mounts.js';
import { isInterrupted } from './programs.js';
import type { Bench, Figures, Row } from './row.js';

/** A program or a mount in a row, with its figures in all rounds by the metrics' names. */
export interface Subject {
  readonly name: string;
  readonly measure: (round: number) => Promise<Figures>;
  readonly samples: Record<string, number[]>;
  /** Messages, one for each round that failed. */
  readonly failures: string[];
}

export interface Result {
  readonly row: Row;
  readonly subjects: readonly Subject[];
}

/** Each subject once per round, in turns from the first and from the last, so that what disturbs one disturbs all. */
export async function runRow(row: Row, bench: Bench): Promise<Result> {
  const { rounds } = bench.options;
  const { ours, rclone, peers, origins } = bench;
  const all = [ours, ...rclone, ...peers(origins[row.origin].scheme)];
  const mounters = [...(row.mounters?.(bench) ?? all)];
  if (row.boundThreads !== undefined) mounters.push(...bench.bound(row.boundThreads));
  const subjects: Subject[] = [];
  const addSubject = (name: string, measure: Subject['measure']): void => {
    subjects.push({ name, measure, samples: {}, failures: [] });
  };
  for (const [name, bare] of Object.entries(row.bare)) addSubject(name, (round) => bare(bench, round));
  for (const mounter of mounters) addSubject(mounter.name, (round) => onMount(row, bench, mounter, round));
  try {
    await row.prepare(bench);
  } catch (error) {
    // A program that is not installed costs one row, not all.
    subjects[0]?.failures.push(messageOf(error));
    return { row, subjects };
  }
  for (let round = 1; round <= rounds; round += 1) {
    for (const subject of round % 2 === 1 ? subjects : subjects.toReversed()) {
      if (isInterrupted()) return { row, subjects };
      const found = await add(subject, round);
      process.stderr.write(`bench: ${row.name} ${round}/${rounds} ${subject.name}: ${found}\n`);
    }
  }
  return { row, subjects };
}

async function onMount(row: Row, bench: Bench, mounter: Mounter, round: number): Promise<Figures> {
  const options = mounter.name.startsWith('d7y') ? (row.options ?? []) : [];
  const mounted = await mount(bench.directory, mounter, { origin: bench.origins[row.origin], options });
  try {
    await row.warmUp?.(bench, mounted);
    const { 'main thread': mainThread, ...figures } = await row.mounted(bench, mounted, round);
    // Other mounts have none that does everything.
    const hasMain = mounter.name === bench.ours.name && mainThread !== undefined;
    return hasMain ? { 'main thread': mainThread, ...figures } : figures;
  } finally {
    await mounted.remove();
  }
}

/** A failure is a result; it is not measured again in the hope of a better one. */
async function add({ measure, samples, failures }: Subject, round: number): Promise<string> {
  try {
    const figures = Object.entries(await measure(round));
    for (const [metric, value] of figures) (samples[metric] ??= []).push(value);
    return figures.map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`).join(', ');
  } catch (error) {
    failures.push(messageOf(error));
    return messageOf(error);
  }
}
