import { uidOf, withUid } from '../source/index.js';

/**
 * Many callers, one piece of work. The work gets a signal of its own, which fires when the last of its
 * callers has aborted; no caller's abort reaches the others. Nothing is kept once it has settled.
 */
export class SingleFlight<Result> {
  readonly #flights = new Map<string, Flight<Result>>();

  run(
    key: string,
    work: (signal: AbortSignal) => Promise<Result>,
    callerSignal?: AbortSignal,
  ): Promise<Result> {
    if (callerSignal?.aborted === true) return Promise.reject(callerSignal.reason as Error);
    const flight = this.#flights.get(key) ?? this.#start(key, work, uidOf(callerSignal));
    return this.#join(key, flight, callerSignal);
  }

  /** Later callers do not join what is in flight for these keys. */
  forget(isMeant: (key: string) => boolean): void {
    for (const key of this.#flights.keys()) if (isMeant(key)) this.#flights.delete(key);
  }

  #start(
    key: string,
    work: (signal: AbortSignal) => Promise<Result>,
    uid: number | undefined,
  ): Flight<Result> {
    const controller = new AbortController();
    withUid(controller.signal, uid);
    const flight: Flight<Result> = { controller, callers: 0, result: work(controller.signal) };
    this.#flights.set(key, flight);
    const forget = (): void => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    };
    flight.result.then(forget, forget);
    return flight;
  }

  #join(key: string, flight: Flight<Result>, signal?: AbortSignal): Promise<Result> {
    flight.callers += 1;
    if (signal === undefined) return flight.result;
    return new Promise<Result>((resolve, reject) => {
      const onAbort = (): void => {
        flight.callers -= 1;
        if (flight.callers === 0) {
          // A later caller must not join work that is about to fail.
          if (this.#flights.get(key) === flight) this.#flights.delete(key);
          flight.controller.abort(signal.reason);
        }
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const settle = (): void => signal.removeEventListener('abort', onAbort);
      flight.result.finally(settle).then(resolve, reject);
    });
  }
}

interface Flight<Result> {
  readonly controller: AbortController;
  readonly result: Promise<Result>;
  callers: number;
}
