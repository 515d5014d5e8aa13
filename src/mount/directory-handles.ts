import { existsSync } from 'node:fs';

import type { DirEntry } from './directory-reader.js';
import { HandleTable } from './handle-table.js';

/** A name of unknown type, and the caller that opened it as a directory. */
export interface DirectoryUse {
  readonly caller: number;
  readonly url: string;
}

interface DirectoryHandle {
  readonly entries: readonly DirEntry[];
  readonly use: DirectoryUse | undefined;
}

/**
 * Open directories. As long as a process has a name open as a directory, it is one to that process, whatever else
 * the URL is: opendir(3) requests the attributes of what it has opened, and accepts nothing but a directory.
 */
export class DirectoryHandles {
  readonly #handles = new HandleTable<DirectoryHandle>();
  /** By URL: the callers, once for each handle. */
  readonly #callers = new Map<string, number[]>();

  get size(): number {
    return this.#handles.size;
  }

  add(entries: readonly DirEntry[], use: DirectoryUse | undefined): number {
    if (use !== undefined) {
      const callers = this.#callers.get(use.url) ?? [];
      callers.push(use.caller);
      this.#callers.set(use.url, callers);
    }
    return this.#handles.add({ entries, use });
  }

  entries(id: number): readonly DirEntry[] {
    return this.#handles.get(id).entries;
  }

  isUsed({ caller, url }: DirectoryUse): boolean {
    const callers = this.#callers.get(url) ?? [];
    return callers.includes(caller) || callers.some((other) => isSameProcess(other, caller));
  }

  remove(id: number): void {
    const use = this.#handles.remove(id)?.use;
    if (use === undefined) return;
    const callers = this.#callers.get(use.url) ?? [];
    callers.splice(callers.indexOf(use.caller), 1);
    if (callers.length === 0) this.#callers.delete(use.url);
  }

  clear(): void {
    this.#handles.clear();
    this.#callers.clear();
  }
}

/** Whether two threads are of one process. */
function isSameProcess(thread: number, other: number): boolean {
  return thread > 0 && other > 0 && existsSync(`/proc/${thread}/task/${other}`);
}
