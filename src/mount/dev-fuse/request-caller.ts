import type { Caller } from '../virtual-fs.js';

/** Who waits for the answer to one request. Most requests never wait, so the signal is made when it is asked for. */
export class RequestCaller implements Caller {
  readonly id: number;
  #isInterrupted = false;
  #controller: AbortController | undefined;

  /** `id`: the thread, as the header of the request tells. */
  constructor(id: number) {
    this.id = id;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#isInterrupted) this.#controller.abort();
    return this.#controller.signal;
  }

  interrupt(): void {
    this.#isInterrupted = true;
    this.#controller?.abort();
  }
}
