import { existsSync } from 'node:fs';

import type { DirEntry } from './directory-reader.js';
import { HandleTable } from './handle-table.js';

/** A name of unknown type, and the caller that opened it as a directory. */
export interface DirectoryUse {
  readonly caller: number;
  readonly url: string;
}

/** The entries, to be read from `offset` on: then they must be in the places that they had. */
export type ListAgain = (offset: number) => Promise<readonly DirEntry[]>;

interface DirectoryHandle {
  entries: readonly DirEntry[];
  readonly use: DirectoryUse | undefined;
  /** Of one that another process opened, and whose entries are not here: lists them again. */
  list?: ListAgain | undefined;
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
    this.#use(use);
    return this.#handles.add({ entries, use });
  }

  resume(areKnown: boolean): void {
    this.#handles.resume(areKnown);
  }

  /** Under the number that another process gave it. */
  restore(id: number, entries: readonly DirEntry[] | ListAgain, use: DirectoryUse | undefined): void {
    this.#use(use);
    if (typeof entries === 'function') this.#handles.restore(id, { entries: [], use, list: entries });
    else this.#handles.restore(id, { entries, use });
  }

  entries(id: number): readonly DirEntry[] {
    return this.#handles.get(id).entries;
  }

  useOf(id: number): DirectoryUse | undefined {
    return this.#handles.get(id).use;
  }

  /** Undefined: its entries are here. */
  whenListed(id: number, offset: number): Promise<void> | undefined {
    const handle = this.#handles.get(id);
    return handle.list?.(offset).then((entries) => {
      handle.entries = entries;
      handle.list = undefined;
    });
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
    this.#leave(handle?.use);
    return handle !== undefined;
  }

  #leave(use: DirectoryUse | undefined): void {
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
