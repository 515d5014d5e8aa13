/**
 * The READs that are under way, by handle.
 *
 * Pages that the kernel reads ahead, and those of most buffered reads, are asked for by requests that nothing
 * interrupts, and that keep the handle from being released: a reader that was killed would leave its fetches, and
 * their connections, to their time limits. But each close of a descriptor is told by a FLUSH, that of a process which is
 * ending too. A thread that closes waits for no read of its own; others who share the handle, after fork(2), may. What
 * is given up of pages that somebody else waits for, the kernel asks for again.
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

/** One of another namespace has the number 0, and nobody knows. Not by /proc, which may hide those of other users. */
function isGone(thread: number): boolean {
  if (thread === 0) return false;
  try {
    process.kill(thread, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}
