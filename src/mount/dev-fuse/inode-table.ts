import type { Attr } from '../attr.js';
import { FsError } from '../fs-error.js';
import { identityOf, isDirectory, type Node } from '../node.js';
import type { Entry } from '../entry.js';
import { ROOT_ID } from './protocol.js';

/** What the kernel knows under one number: a directory, or one version of a file. */
export interface Inode {
  readonly id: number;
  /** Replaced when more is learned of it; what it identifies stays. */
  node: Node;
  /** As last told to the kernel. */
  attr: Attr;
  /** As it was looked up. */
  readonly name: string;
  lookups: number;
  /** Open handles. */
  opens: number;
  /** The kernel may have pages of it. */
  wasOpen: boolean;
  /** The kernel was told to forget it, and it was not used since. */
  isGivenUp: boolean;
  /** Of a directory: the kernel has it locked for so many requests. */
  lockedFor: number;
  /** Of the same file: another version that the kernel knows. */
  other: Inode | undefined;
}

/**
 * Numbers of nodes, as the kernel uses them. A number is given out with the first answer that names the
 * node, kept as long as the kernel has not forgotten as many answers as it got, and never used again.
 *
 * A directory is its identity. A file is its identity and version (its inode number): pages and size of two
 * versions cannot meet in the kernel. There are many files, and hardly ever two versions of one.
 */
export class InodeTable {
  /** The one that was used last is the last. */
  readonly #byId = new Map<number, Inode>();
  readonly #directories = new Map<string, Inode>();
  /** The version that was added last of each file. */
  readonly #files = new Map<string, Inode>();
  #last = ROOT_ID;
  /** There is one more. */
  onAdded: () => void = () => undefined;

  constructor(root: Node, attr: Attr) {
    const inode = {
      id: ROOT_ID,
      node: root,
      attr,
      name: '',
      lookups: 1,
      opens: 0,
      wasOpen: false,
      isGivenUp: false,
      lockedFor: 0,
      other: undefined,
    };
    this.#byId.set(ROOT_ID, inode);
    this.#directories.set(identityOf(root), inode);
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
    const identity = identityOf(node);
    const inodes = isDirectory(node) ? this.#directories : this.#files;
    const newest = inodes.get(identity);
    let inode = newest;
    if (inodes === this.#files) {
      while (inode !== undefined && inode.attr.ino !== attr.ino) inode = inode.other;
    }
    if (inode !== undefined) {
      inode.node = node;
      inode.attr = attr;
      inode.lookups += 1;
      this.use(inode);
      return inode;
    }
    this.#last += 1;
    const unused = { lookups: 1, opens: 0, wasOpen: false, isGivenUp: false, lockedFor: 0 };
    const added = { id: this.#last, node, attr, name, ...unused, other: newest };
    this.#byId.set(added.id, added);
    inodes.set(identity, added);
    this.onAdded();
    return added;
  }

  /** It is looked up, or opened. */
  use(inode: Inode): void {
    inode.isGivenUp = false;
    this.#moveToEnd(inode);
  }

  /** Of the `count` that were used longest ago, the files that nobody has open, and that are not given up yet. */
  oldestFiles(count: number): Inode[] {
    const oldest: Inode[] = [];
    for (const inode of this.#byId.values()) {
      if (oldest.length === count) break;
      oldest.push(inode);
    }
    // Those that stay must not be the first again and again.
    for (const inode of oldest) this.#moveToEnd(inode);
    return oldest.filter(({ node, opens, isGivenUp }) => !isDirectory(node) && opens === 0 && !isGivenUp);
  }

  /** The directory that has the name of a file, if the kernel knows it. */
  parentOf({ node }: Inode): Inode | undefined {
    return node.kind === 'resource' ? this.#directories.get(node.path.parentUrl) : undefined;
  }

  #moveToEnd(inode: Inode): void {
    this.#byId.delete(inode.id);
    this.#byId.set(inode.id, inode);
  }

  /** The files that the kernel knows under a URL. */
  filesAt(url: string): Inode[] {
    const found = [];
    for (let inode = this.#files.get(url); inode !== undefined; inode = inode.other) found.push(inode);
    return found;
  }

  forget(id: number, lookups: number): void {
    const inode = this.#byId.get(id);
    if (inode === undefined || id === ROOT_ID) return;
    inode.lookups -= lookups;
    if (inode.lookups > 0) return;
    this.#byId.delete(id);
    const identity = identityOf(inode.node);
    if (isDirectory(inode.node)) this.#directories.delete(identity);
    else this.#forgetFile(identity, inode);
  }

  #forgetFile(identity: string, inode: Inode): void {
    let before = this.#files.get(identity);
    if (before === inode) {
      if (inode.other === undefined) this.#files.delete(identity);
      else this.#files.set(identity, inode.other);
      return;
    }
    while (before !== undefined && before.other !== inode) before = before.other;
    if (before !== undefined) before.other = inode.other;
  }
}
