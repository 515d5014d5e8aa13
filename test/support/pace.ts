import { run } from './mounted.js';

/** What starting an interpreter takes on a machine that has nothing else to do. */
const NOMINAL_MS = 100;

/**
 * A time limit as this machine needs it now: longer by as much as it takes longer than usual to start a
 * process. For what is bounded by work; what is bounded by a deadline of ours needs no more than some slack.
 */
export async function atPace(limitMs: number): Promise<number> {
  const began = performance.now();
  await run(process.execPath, ['-e', '0']);
  return limitMs * Math.max(1, (performance.now() - began) / NOMINAL_MS);
}
