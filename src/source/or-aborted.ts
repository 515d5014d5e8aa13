import { InterruptedError } from './errors.js';

/**
 * The result of `work`, unless the signal fires first: then `InterruptedError`, and `work` continues. `drop` gets a
 * result that comes too late.
 */
export function orAborted<Value>(
  work: Promise<Value>,
  signal: AbortSignal | undefined,
  url: URL | string,
  drop: (late: Value) => void = () => undefined,
): Promise<Value> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(new InterruptedError(url, signal.reason));
      work.then(drop, () => undefined);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const settled =
      <Result>(settle: (result: Result) => void) =>
      (result: Result): void => {
        signal.removeEventListener('abort', onAbort);
        settle(result);
      };
    work.then(settled(resolve), settled(reject));
  });
}
