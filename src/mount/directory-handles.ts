import { existsSync } from 'node:fs';

import type { MetadataBudget } from '../memory/metadata-budget.js';
import { HandleTable } from './handle-table.js';
import type { OpenDirectory } from './open-directory.js';

/** A name of unknown type, and the caller that opened it as a directory. */
export interface DirectoryUse {
  readonly caller: number;
  readonly url: string;
}

interface DirectoryHandle {
  readonly directory: OpenDirectory;
  readonly use: DirectoryUse | undefined;
}

/**
 * Open directories. As long as a process has a name open as a directory, it is one to that process, whatever else
 * the URL is: opendir(3) requests the attributes of what it has opened, and accepts nothing but a directory.
 */
export class DirectoryHandles {
  readonly #budget: MetadataBudget;
  readonly #handles = new HandleTable<DirectoryHandle>();
  /** By URL: the callers, once for each handle. */
  readonly #callers = new Map<string, number[]>();

  constructor(budget: MetadataBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#handles.size;
  }

  add(directory: OpenDirectory, use: DirectoryUse | undefined): number {
    this.#use(use);
    this.#budget.charge('handles', directory.bytes);
    return this.#handles.add({ directory, use });
  }

  resume(areKnown: boolean): void {
    this.#handles.resume(areKnown);
  }

  /** Under the number that another process gave it. */
  restore(id: number, directory: OpenDirectory, use: DirectoryUse | undefined): void {
    this.#use(use);
    this.#budget.charge('handles', directory.bytes);
    this.#handles.restore(id, { directory, use });
  }

  get(id: number): OpenDirectory {
    return this.#handles.get(id).directory;
  }

  useOf(id: number): DirectoryUse | undefined {
    return this.#handles.get(id).use;
  }

  #use(use: DirectoryUse | undefined): void {
    if (use === undefined) return;
    const callers = this.#callers.get(use.url) ?? [];
    callers.push(use.caller);
    this.#callers.set(use.url, callers);
  }

  isUsed({ caller, url }: DirectoryUse): boolean {
    const callers = this.#callers.get(url) ?? [];
    return callers.includes(caller) || callers.some((other) => isSameProcess(other, caller));
  }

  /** False: it was not open. */
  remove(id: number): boolean {
    const handle = this.#handles.remove(id);
    if (handle === undefined) return false;
    this.#close(handle);
    this.#leave(handle.use);
    return true;
  }

  #close({ directory }: DirectoryHandle): void {
    this.#budget.charge('handles', -directory.bytes);
    directory.close();
  }

  #leave(use: DirectoryUse | undefined): void {
    if (use === undefined) return;
    const callers = this.#callers.get(use.url) ?? [];
    callers.splice(callers.indexOf(use.caller), 1);
    if (callers.length === 0) this.#callers.delete(use.url);
  }

  clear(): void {
    for (const handle of this.#handles.clear()) this.#close(handle);
    this.#callers.clear();
  }
}

/** Whether two threads are of one process. */
function isSameProcess(thread: number, other: number): boolean {
  return thread > 0 && other > 0 && existsSync(`/proc/${thread}/task/${other}`);
}
