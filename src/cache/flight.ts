import { uidOf, withUid } from '../source/index.js';
import { withResolvers } from '../with-resolvers.js';

/**
 * Work that several callers wait for. It gets a signal of its own, which fires when the last of them has aborted; no caller's
 * abort reaches the others.
 */
export class Flight<Result> {
  /** Undefined: the first caller never aborts. */
  readonly signal: AbortSignal | undefined;
  readonly #controller: AbortController | undefined;
  readonly #result: Promise<Result>;
  #callers = 0;
  #isDetached = false;

  /** `caller`: the signal of the first one. */
  constructor(work: (flight: Flight<Result>) => Promise<Result>, caller: AbortSignal | undefined) {
    if (caller !== undefined) {
      this.#controller = new AbortController();
      this.signal = withUid(this.#controller.signal, uidOf(caller));
    }
    this.#result = work(this);
  }

  /** Its result is for those who wait already: nothing is kept of it, and no other caller joins. */
  get isDetached(): boolean {
    return this.#isDetached;
  }

  detach(): void {
    this.#isDetached = true;
  }

  join(signal?: AbortSignal): Promise<Result> {
    this.#callers += 1;
    if (signal === undefined) return this.#result;
    const { promise, resolve, reject } = withResolvers<Result>();
    const onAbort = (): void => {
      this.#leave(signal);
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const settled = this.#result.then(resolve, reject);
    void settled.then(() => signal.removeEventListener('abort', onAbort));
    return promise;
  }

  #leave({ reason }: AbortSignal): void {
    this.#callers -= 1;
    if (this.#callers > 0) return;
    this.#isDetached = true;
    this.#controller?.abort(reason);
  }
}
