import type { Attr } from '../attr.js';
import { isDirectory, type Node, pathOf } from '../node.js';
import type { Entry } from '../virtual-fs.js';
import { FsError } from '../fs-error.js';
import { ROOT_ID } from './protocol.js';

/** What the kernel knows under one number: a directory, or one version of a file. */
export interface Inode {
  readonly id: number;
  /** Replaced when more is learned of it; what it identifies stays. */
  node: Node;
  /** As last told to the kernel. */
  attr: Attr;
  readonly key: string;
  /** As it was looked up. */
  readonly name: string;
  lookups: number;
  /** Open handles. */
  opens: number;
}

/**
 * Numbers of nodes, as the kernel uses them. A number is given out with the first answer that names the
 * node, kept as long as the kernel has not forgotten as many answers as it got, and never used again.
 *
 * A directory is its path. A file is its path and version (its inode number): pages and size of two
 * versions cannot meet in the kernel.
 */
export class InodeTable {
  readonly #byId = new Map<number, Inode>();
  readonly #byKey = new Map<string, Inode>();
  /** Files alone: what changes. */
  readonly #byUrl = new Map<string, Set<Inode>>();
  #last = ROOT_ID;

  constructor(root: Node, attr: Attr) {
    this.#insert({ id: ROOT_ID, node: root, attr, key: keyOf(root, attr), name: '', lookups: 1, opens: 0 });
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: number): Inode {
    const inode = this.#byId.get(id);
    if (inode === undefined) throw new FsError('STALE', `node ${id}`, 'no such node');
    return inode;
  }

  /** For an answer that names the node. Counts as one lookup. */
  refer({ node, attr }: Pick<Entry, 'node' | 'attr'>, name: string): Inode {
    const key = keyOf(node, attr);
    let inode = this.#byKey.get(key);
    if (inode === undefined) {
      this.#last += 1;
      inode = { id: this.#last, node, attr, key, name, lookups: 0, opens: 0 };
      this.#insert(inode);
    }
    inode.node = node;
    inode.attr = attr;
    inode.lookups += 1;
    return inode;
  }

  /** The files that the kernel knows under a URL: number, path, and the name in their directory. */
  pathsOf(url: string): { id: number; path: string; name: string }[] {
    return [...(this.#byUrl.get(url) ?? [])].map(({ id, name, node }) => ({ id, name, path: pathOf(node) }));
  }

  forget(id: number, lookups: number): void {
    const inode = this.#byId.get(id);
    if (inode === undefined || id === ROOT_ID) return;
    inode.lookups -= lookups;
    if (inode.lookups > 0) return;
    this.#byId.delete(id);
    this.#byKey.delete(inode.key);
    const url = urlOf(inode);
    const others = this.#byUrl.get(url);
    others?.delete(inode);
    if (others?.size === 0) this.#byUrl.delete(url);
  }

  /** The directory at this path, if the kernel knows it. */
  directoryAt(path: string): Inode | undefined {
    return this.#byKey.get(`d ${path}`);
  }

  #insert(inode: Inode): void {
    this.#byId.set(inode.id, inode);
    this.#byKey.set(inode.key, inode);
    const url = urlOf(inode);
    if (url !== '') this.#byUrl.set(url, (this.#byUrl.get(url) ?? new Set()).add(inode));
  }
}

function urlOf({ node }: Inode): string {
  return node.kind === 'resource' && node.type === 'file' ? node.path.url : '';
}

function keyOf(node: Node, attr: Attr): string {
  const path = pathOf(node);
  return isDirectory(node) ? `d ${path}` : `f ${attr.ino} ${path}`;
}
