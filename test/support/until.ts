import { setTimeout as sleep } from 'node:timers/promises';

const LOOK_AGAIN_MS = 50;

/** Waits until something is so. The limit is what a very busy machine may need, not what it takes. */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const endsAt = performance.now() + limitMs;
  while (!(await isSo())) {
    if (performance.now() > endsAt) throw new Error(`not so after ${limitMs / 1000} s: ${what}`);
    await sleep(LOOK_AGAIN_MS);
  }
}
