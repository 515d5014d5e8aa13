import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

import type { Origin } from './origin.js';
import type { Scratch } from './scratch.js';
import type { Figures, Subject } from './subject.js';

/** Reads of one stamped block each, in order: path below the origin's root, number of the file, block. */
export type Workload = readonly (readonly [path: string, file: number, index: number])[];

/** What the readers print. */
export interface Timing {
  readonly seconds: number;
  /** Of each read, in order. */
  readonly microseconds: readonly number[];
}

const LIMIT_MS = 180_000;

/** Programs that are no modules lie beside the sources. */
export function readerProgram(name: string): string {
  return fileURLToPath(new URL(`../../bench/readers/${name}`, import.meta.url));
}

export async function readMounted(scratch: Scratch, root: string, workload: Workload): Promise<Timing> {
  return await time(scratch, 'python3', [readerProgram('mounted.py'), root], workload);
}

/** The same reads without any filesystem, in two languages, the second of which is ours. */
export function bareSubjects(
  scratch: Scratch,
  origin: Origin,
  workload: (round: number) => Workload,
  figures: (timing: Timing) => Figures,
): Subject[] {
  const node = fileURLToPath(new URL('readers/bare.js', import.meta.url));
  const programs: Readonly<Record<string, readonly [string, string]>> = {
    'http.client': ['python3', readerProgram('bare.py')],
    undici: [process.execPath, node],
  };
  return Object.entries(programs).map(([name, [command, program]]) => ({
    role: 'bare',
    name,
    measure: async (round) => figures(await time(scratch, command, [program, origin.host], workload(round))),
  }));
}

async function time(
  scratch: Scratch,
  command: string,
  args: readonly string[],
  workload: Workload,
): Promise<Timing> {
  const file = join(scratch.root, 'workload.json');
  await writeFile(file, JSON.stringify(workload));
  const { stdout } = await scratch.programs.run(command, [...args, file], LIMIT_MS);
  return JSON.parse(stdout) as Timing;
}

/** `count` blocks of the file with the number 0, at random, the same for the same seed. */
export function randomWorkload(path: string, fileBytes: number, count: number, seed: number): Workload {
  const next = mulberry32(seed);
  const blocks = Math.floor(fileBytes / 4096);
  return Array.from({ length: count }, () => [path, 0, Math.floor(next() * blocks)] as const);
}

/** The first block of `count` files `<number>.bin`. */
export function firstBlocks(directory: string, count: number): Workload {
  return Array.from({ length: count }, (_, i) => [`${directory}/${i}.bin`, i, 0] as const);
}

/** Tommy Ettinger's generator, public domain: numbers in [0, 1). */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
