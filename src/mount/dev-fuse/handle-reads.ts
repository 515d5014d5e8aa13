/**
 * The READs in flight, by handle. The kernel interrupts neither those of its readahead nor most buffered ones, and they keep the
 * handle from being released. But it sends FLUSH for each close of a descriptor, also at the end of a process: a thread that
 * closes waits for no read of its own. Other users of the handle, after fork(2), may.
 */
import process from 'node:process';

import type { RequestCaller } from './request-caller.js';

export class HandleReads {
  readonly #reads = new Map<number, Set<RequestCaller>>();

  add(handle: number, caller: RequestCaller): void {
    const reads = this.#reads.get(handle);
    if (reads === undefined) this.#reads.set(handle, new Set([caller]));
    else reads.add(caller);
  }

  delete(handle: number, caller: RequestCaller): void {
    const reads = this.#reads.get(handle);
    if (reads?.delete(caller) === true && reads.size === 0) this.#reads.delete(handle);
  }

  /** A thread closes the handle: its reads are interrupted, and those of threads that are gone. */
  interrupt(handle: number, thread: number): void {
    for (const caller of this.#reads.get(handle) ?? []) {
      if (caller.id === thread || isGone(caller.id)) caller.interrupt();
    }
  }
}

/** Unknown of a thread of another pid namespace (0). kill(2) sees what /proc may hide. */
function isGone(thread: number): boolean {
  if (thread === 0) return false;
  try {
    process.kill(thread, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
