import type { DirEntry } from './directory-reader.js';
import { HandleTable } from './handle-table.js';

/** A name of unknown type, and the caller who has opened it as a directory. */
export interface DirectoryUse {
  readonly caller: number;
  readonly url: string;
}

interface DirectoryHandle {
  readonly entries: readonly DirEntry[];
  readonly use: DirectoryUse | undefined;
}

/**
 * Open directories. As long as a caller has a name open as a directory, it is one to that caller, whatever else
 * the URL is: opendir(3) asks for the attributes of what it has opened, and takes nothing but a directory.
 */
export class DirectoryHandles {
  readonly #handles = new HandleTable<DirectoryHandle>();
  /** How many handles there are of each use. */
  readonly #uses = new Map<string, number>();

  add(entries: readonly DirEntry[], use: DirectoryUse | undefined): number {
    if (use !== undefined) this.#count(use, 1);
    return this.#handles.add({ entries, use });
  }

  entries(id: number): readonly DirEntry[] {
    return this.#handles.get(id).entries;
  }

  isUsed(use: DirectoryUse): boolean {
    return this.#uses.has(keyOf(use));
  }

  remove(id: number): void {
    const use = this.#handles.remove(id)?.use;
    if (use !== undefined) this.#count(use, -1);
  }

  clear(): void {
    this.#handles.clear();
    this.#uses.clear();
  }

  #count(use: DirectoryUse, change: 1 | -1): void {
    const key = keyOf(use);
    const count = (this.#uses.get(key) ?? 0) + change;
    if (count > 0) this.#uses.set(key, count);
    else this.#uses.delete(key);
  }
}

function keyOf({ caller, url }: DirectoryUse): string {
  return `${caller} ${url}`;
}
