import { InterruptedError } from '../source/index.js';

/** The result of `work`, unless the signal fires first: then `InterruptedError`, and `work` goes on for others. */
export function orAborted<Value>(
  work: Promise<Value>,
  signal: AbortSignal | undefined,
  url: string,
): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(new InterruptedError(url, signal.reason));
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
