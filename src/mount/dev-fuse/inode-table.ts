import { stringBytes } from '../../memory/bounded-map.js';
import type { MetadataBudget } from '../../memory/metadata-budget.js';
import type { Attr } from '../attr.js';
import { FsError } from '../fs-error.js';
import { type FileGeneration, GENERATION_BYTES } from '../inode-numbers.js';
import { generationOf, identityOf, isDirectory, type Node } from '../node.js';
import type { Entry } from '../entry.js';
import type { SavedEntry } from '../restored-node.js';
import { ROOT_ID } from './protocol.js';

/** What one number (`nodeid`) identifies to the kernel: a directory, or one version of a file. */
export interface Inode {
  readonly id: number;
  /** Replaced when more is learned of it; what it identifies stays. */
  node: Node;
  /** As in the last reply. */
  attr: Attr;
  /** As it was looked up. */
  readonly name: string;
  lookups: number;
  /** Open handles. */
  opens: number;
  /** A directory that is, or was, the working directory of a process. */
  wasEntered: boolean;
  /** The directory that it was found in; undefined: the root. */
  parent: Inode | undefined;
  /** How many inodes were found in it. The kernel keeps a directory as long as it has one of them. */
  children: number;
  /** Charged to the budget. */
  readonly bytes: number;
  /** The kernel may have pages of it. */
  wasOpen: boolean;
  /** The kernel was notified to drop it, and it was not used since. */
  isPruned: boolean;
  /** Of a directory: how many requests the kernel has it locked for. */
  lockedFor: number;
  /** Of the same file: another version that the kernel knows. */
  other: Inode | undefined;
}

/** What is kept of an inode, for the next process. */
export interface SavedNode extends SavedEntry {
  readonly id: number;
  readonly parentId: number;
  readonly name: string;
  readonly lookups: number;
}

const NEW = {
  lookups: 1,
  opens: 0,
  children: 0,
  wasEntered: false,
  wasOpen: false,
  isPruned: false,
  lockedFor: 0,
};

/** An inode, its node, path and attributes, and its slots in two maps. */
const INODE_BYTES = 420;

/**
 * Inodes by the numbers that the kernel uses: from the first entry that is sent until the kernel has sent FORGET for as many
 * lookups. A directory is its identity; a file its identity and version, so that the kernel never mixes pages of two versions.
 */
export class InodeTable {
  /** The most recently used is the last. */
  readonly #byId = new Map<number, Inode>();
  readonly #directories = new Map<string, Inode>();
  /** The version that was added last of each file. */
  readonly #files = new Map<string, Inode>();
  readonly #budget: MetadataBudget;
  #last = ROOT_ID;
  onAdded: () => void = () => undefined;
  /** No request has the directory locked any more. */
  onUnlocked: (directory: Inode) => void = () => undefined;
  /** A reply refers to it. `isWhole`: it is new, or its type, or a file's size, time or mode, has changed. */
  onReferred: (inode: Inode, isWhole: boolean) => void = () => undefined;
  onForgotten: (id: number, lookups: number) => void = () => undefined;

  constructor(root: Node, attr: Attr, budget: MetadataBudget) {
    this.#budget = budget;
    this.#add({
      id: ROOT_ID,
      node: root,
      attr,
      name: '',
      ...NEW,
      parent: undefined,
      bytes: 0,
      other: undefined,
    });
  }

  get size(): number {
    return this.#byId.size;
  }

  /** There are more than the budget has room for. */
  get isFull(): boolean {
    return !this.#budget.hasRoom('inodes', 0);
  }

  /** The highest number that was given. */
  get lastId(): number {
    return this.#last;
  }

  ids(): number[] {
    return [...this.#byId.keys()];
  }

  peek(id: number): Inode | undefined {
    return this.#byId.get(id);
  }

  get(id: number): Inode {
    const inode = this.#byId.get(id);
    if (inode === undefined) throw new FsError('STALE', `node ${id}`, 'no such node');
    return inode;
  }

  /** For a reply with an entry of `parent`. Counts as one lookup. */
  refer({ node, attr }: Pick<Entry, 'node' | 'attr'>, name: string, parent?: Inode): Inode {
    const identity = identityOf(node);
    const inodes = isDirectory(node) ? this.#directories : this.#files;
    const newest = inodes.get(identity);
    let inode = newest;
    if (inodes === this.#files) {
      while (inode !== undefined && inode.attr.ino !== attr.ino) inode = inode.other;
    }
    if (inode !== undefined) {
      const isWhole = isChanged(inode, node, attr);
      inode.node = node;
      inode.attr = attr;
      inode.lookups += 1;
      this.use(inode);
      this.onReferred(inode, isWhole);
      return inode;
    }
    this.#last += 1;
    const bytes = bytesOf(node, name);
    const added = { id: this.#last, node, attr, name, ...NEW, parent, bytes, other: newest };
    this.#add(added);
    this.onAdded();
    this.onReferred(added, true);
    return added;
  }

  /**
   * What another process has replied. `nodes`: directories before what is in them. `make` throws for those that no lookup
   * leads to: the kernel looks them up again.
   */
  restore(
    nodes: readonly SavedNode[],
    lastId: number,
    make: (parent: Node, saved: SavedNode) => Pick<Entry, 'node' | 'attr'>,
  ): void {
    const made = new Map([[ROOT_ID, this.get(ROOT_ID)]]);
    for (const saved of nodes) {
      const { id, name, lookups, parentId } = saved;
      const parent = made.get(parentId);
      if (parent === undefined) continue;
      try {
        const { node, attr } = make(parent.node, saved);
        const other = isDirectory(node) ? undefined : this.#files.get(identityOf(node));
        // What cannot be seen any more counts as the case in which less is done.
        const seen = { wasEntered: isDirectory(node), wasOpen: true };
        const inode = {
          id,
          node,
          attr,
          name,
          ...NEW,
          ...seen,
          lookups,
          parent,
          bytes: bytesOf(node, name),
          other,
        };
        made.set(id, inode);
        // Without lookups the kernel has it no more, only what is in it.
        if (lookups > 0) this.#add(inode);
      } catch (error) {
        if (!(error instanceof FsError)) throw error;
      }
    }
    this.#last = Math.max(this.#last, lastId);
  }

  #add(inode: Inode): void {
    const { node, parent, bytes } = inode;
    this.#byId.set(inode.id, inode);
    (isDirectory(node) ? this.#directories : this.#files).set(identityOf(node), inode);
    if (parent !== undefined) parent.children += 1;
    this.#budget.charge('inodes', bytes);
  }

  /** It is looked up, or opened. */
  use(inode: Inode): void {
    inode.isPruned = false;
    this.#moveToEnd(inode);
  }

  /** The `count` least recently used that are not open, have no children, and are not pruned yet. */
  oldestUnused(count: number): Inode[] {
    const oldest: Inode[] = [];
    const passed: Inode[] = [];
    for (const inode of this.#byId.values()) {
      if (oldest.length === count) break;
      passed.push(inode);
      const { id, opens, children, isPruned } = inode;
      if (id !== ROOT_ID && opens === 0 && children === 0 && !isPruned) oldest.push(inode);
    }
    // Those that stay must not be the first again and again.
    for (const inode of passed) this.#moveToEnd(inode);
    return oldest;
  }

  /** The kernel has kept what was pruned: it was in use, in a way that sends no request. */
  retryPruned(): void {
    for (const inode of this.#byId.values()) inode.isPruned = false;
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

  /** The generations of a file that the kernel has inodes of, the newest first. */
  generationsOf(identity: string): FileGeneration[] {
    return this.filesAt(identity)
      .map(({ node }) => generationOf(node))
      .filter((generation) => generation !== undefined);
  }

  forget(id: number, lookups: number): void {
    const inode = this.#byId.get(id);
    if (inode === undefined || id === ROOT_ID) return;
    inode.lookups -= lookups;
    this.onForgotten(id, lookups);
    if (inode.lookups > 0) return;
    this.#byId.delete(id);
    if (inode.parent !== undefined) inode.parent.children -= 1;
    this.#budget.charge('inodes', -inode.bytes);
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

function isChanged(inode: Inode, node: Node, attr: Attr): boolean {
  if (!isDirectory(node)) {
    const { size, mtimeMs, mode } = inode.attr;
    return attr.size !== size || attr.mtimeMs !== mtimeMs || attr.mode !== mode;
  }
  return node.kind === 'resource' && inode.node.kind === 'resource' && node.type !== inode.node.type;
}

function bytesOf(node: Node, name: string): number {
  // Its path may be kept twice: `node` is replaced, and the key of the map is not.
  const pathBytes = stringBytes(name) + 2 * stringBytes(identityOf(node));
  return INODE_BYTES + pathBytes + (isDirectory(node) ? 0 : GENERATION_BYTES);
}
