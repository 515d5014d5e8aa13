/**
 * Steady state: each mount is measured right after a thousand operations of the row's kind, on files that the row does not
 * measure.
 */
import { join } from 'node:path';

import { WARM_UP_BYTES } from './fixtures.js';
import type { WarmUp } from './mounter.js';
import type { Setup } from './setup.js';
import { firstBlocks, randomWorkload, readMounted } from './workload.js';

export const OPERATIONS = 1000;
/** The most that the kernel requests at once by default. */
const READ_BYTES = 128 * 1024;
const LIMIT_MS = 180_000;

/** For what is measured from the very start. */
export const noWarmUp: WarmUp = () => Promise.resolve();

/** Reads of 4 KiB at random offsets. */
export async function randomReads({ scratch, fixtures }: Setup): Promise<WarmUp> {
  const workload = randomWorkload(await fixtures.warmUp(), WARM_UP_BYTES, OPERATIONS, 0);
  return async (root) => void (await readMounted(scratch, root, workload));
}

/** The first block of each file of a directory. */
export function openings({ scratch }: Setup, directory: string): WarmUp {
  const workload = firstBlocks(directory, OPERATIONS);
  return async (root) => void (await readMounted(scratch, root, workload));
}

/** Sequential reads from the start of a file. */
export function sequentialReads({ scratch }: Setup, file: string): WarmUp {
  return async (root) => {
    const args = [`if=${join(root, file)}`, 'of=/dev/null', `bs=${READ_BYTES}`, `count=${OPERATIONS}`];
    await scratch.programs.run('dd', args, LIMIT_MS);
  };
}
