import { withUid } from '../../source/index.js';
import type { ReadOptions } from '../../cache/resource-cache.js';
import type { Caller } from '../caller.js';

/** The caller of one request. Most requests never wait, so the signal is made when it is used. */
export class RequestCaller implements Caller {
  readonly id: number;
  readonly uid: number | undefined;
  isFollowing = false;
  route: ReadOptions['route'];
  #isInterrupted = false;
  #controller: AbortController | undefined;

  /** `id`: the thread, from the header of the request. `uid`: the user, where the mount serves several. */
  constructor(id: number, uid: number | undefined) {
    this.id = id;
    this.uid = uid;
  }

  get isInterrupted(): boolean {
    return this.#isInterrupted;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      withUid(this.#controller.signal, this.uid);
      if (this.#isInterrupted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  interrupt(): void {
    this.#isInterrupted = true;
    this.#controller?.abort();
  }
}
