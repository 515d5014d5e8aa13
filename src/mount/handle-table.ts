import { randomInt } from 'node:crypto';

import { FsError } from './fs-error.js';

/** Open files or directories by number: 1 to 2³¹−1, which is what every transport can carry. */
export class HandleTable<Handle> {
  readonly #handles = new Map<number, Handle>();
  #last = 0;
  /** Handles of an earlier process that it does not know are stale. */
  #isResumed = false;

  get size(): number {
    return this.#handles.size;
  }

  add(handle: Handle): number {
    do {
      this.#last = this.#last >= 0x7fffffff ? 1 : this.#last + 1;
    } while (this.#handles.has(this.#last));
    this.#handles.set(this.#last, handle);
    return this.#last;
  }

  /** The handles of an earlier process are to be restored; `areKnown` false: they are not, and their numbers are not known. */
  resume(areKnown: boolean): void {
    this.#isResumed = true;
    if (!areKnown) this.#last = randomInt(0x40000000, 0x7fffffff);
  }

  /** Under the number that another process gave it. */
  restore(id: number, handle: Handle): void {
    this.#handles.set(id, handle);
    this.#last = Math.max(this.#last, id);
  }

  get(id: number): Handle {
    const handle = this.#handles.get(id);
    if (handle === undefined)
      throw new FsError(this.#isResumed ? 'STALE' : 'BAD_HANDLE', String(id), 'no such handle');
    return handle;
  }

  remove(id: number): Handle | undefined {
    const handle = this.#handles.get(id);
    this.#handles.delete(id);
    return handle;
  }

  /** Removes all handles and returns them. */
  clear(): Handle[] {
    const handles = [...this.#handles.values()];
    this.#handles.clear();
    return handles;
  }
}
