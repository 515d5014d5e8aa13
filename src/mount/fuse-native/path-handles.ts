import type { Attr } from '../attr.js';
import { FsError } from '../fs-error.js';
import type { Node } from '../node.js';

/** A file as it was opened. */
export interface OpenPath {
  readonly node: Node;
  readonly attr: Attr;
}

interface PathHandle extends OpenPath {
  readonly id: number;
  readonly path: string;
  readonly ino: number;
  isStale: boolean;
}

/**
 * Which handles are open on which path. To libfuse 2 a path is one inode, whatever its version: handles of
 * two versions would fill the same pages and share one size. So as soon as a newer version shows itself
 * under a path, the handles of the older one are stale.
 */
export class PathHandles {
  readonly #byId = new Map<number, PathHandle>();
  readonly #byPath = new Map<string, Set<PathHandle>>();

  add(id: number, path: string, ino: number, opened: OpenPath): void {
    this.noteVersion(path, ino);
    const handle = { ...opened, id, path, ino, isStale: false };
    this.#byId.set(id, handle);
    this.#byPath.set(path, (this.#byPath.get(path) ?? new Set()).add(handle));
  }

  remove(id: number): void {
    const handle = this.#byId.get(id);
    if (handle === undefined) return;
    this.#byId.delete(id);
    const others = this.#byPath.get(handle.path);
    others?.delete(handle);
    if (others?.size === 0) this.#byPath.delete(handle.path);
  }

  isOpen(path: string): boolean {
    return this.#byPath.has(path);
  }

  /** What the path is open as, of a source without validators: as long as it is open, nobody asks for another version. */
  openAs(path: string): OpenPath | undefined {
    for (const handle of this.#byPath.get(path) ?? []) {
      if (handle.node.kind === 'resource' && handle.node.lookedUp !== undefined && !handle.isStale)
        return handle;
    }
    return undefined;
  }

  /** The version with this inode number was seen under the path. */
  noteVersion(path: string, ino: number): void {
    for (const handle of this.#byPath.get(path) ?? []) handle.isStale ||= handle.ino !== ino;
  }

  /** Throws `STALE` for a handle whose version was superseded. */
  check(id: number): void {
    const handle = this.#byId.get(id);
    if (handle?.isStale === true) throw new FsError('STALE', handle.path, 'a newer version is in use');
  }
}
