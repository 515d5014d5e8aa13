import type { Attr } from '../attr.js';
import { FsError } from '../fs-error.js';
import type { Node } from '../node.js';

/** A file as it was opened. Its inode number is that of its version. */
export interface OpenPath {
  readonly node: Node;
  readonly attr: Attr;
}

/**
 * Which handles are open on which path. To libfuse 2 a path is one inode, whatever its version: a second version would
 * fill the pages that the handles of the first read from, and cut them off at its size. So a path is one version as long
 * as a handle is open on it.
 */
export class PathHandles {
  readonly #pathOf = new Map<number, string>();
  readonly #open = new Map<string, OpenPath & { count: number }>();

  /** Throws `STALE` when another version is open on the path. */
  add(id: number, path: string, opened: OpenPath): void {
    const open = this.#open.get(path) ?? { ...opened, count: 0 };
    if (open.attr.ino !== opened.attr.ino) throw new FsError('STALE', path, 'an older version is open');
    open.count += 1;
    this.#open.set(path, open);
    this.#pathOf.set(id, path);
  }

  remove(id: number): void {
    const path = this.#pathOf.get(id) ?? '';
    const open = this.#open.get(path);
    if (!this.#pathOf.delete(id) || open === undefined) return;
    open.count -= 1;
    if (open.count === 0) this.#open.delete(path);
  }

  /** What the path is open as. */
  openAs(path: string): OpenPath | undefined {
    return this.#open.get(path);
  }
}
