import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

import { ModelError } from './model-handle.js';
import type { SimulatedSource } from './simulated-source.js';

const STUCK_MS = 20_000;
/** What hangs does so for this many turns of the event loop. */
const HANGING_TURNS = 20;

/** Waits for works; what hangs at the source is released after a while, again and again. */
export async function untilSettled(
  source: SimulatedSource,
  works: readonly Promise<unknown>[],
): Promise<void> {
  const pending = new Set(works.keys());
  for (const [i, work] of works.entries()) {
    const end = (): unknown => pending.delete(i);
    work.then(end, end);
  }
  const endMs = performance.now() + STUCK_MS;
  for (let turn = 0; pending.size > 0; turn += 1) {
    if (turn < 2 * HANGING_TURNS) await nextTurn();
    else await sleep(1);
    if (turn >= HANGING_TURNS) source.releaseHanging();
    if (performance.now() > endMs) {
      throw new ModelError(`${[...pending].join()} of ${works.length} wait for ever`);
    }
  }
  await Promise.all(works);
}

export async function until(
  source: SimulatedSource,
  condition: () => boolean,
  otherwise: string,
): Promise<void> {
  const endMs = performance.now() + STUCK_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new ModelError(otherwise);
    source.releaseHanging();
    await sleep(2);
  }
}
