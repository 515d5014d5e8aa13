/**
 * Passthrough: the kernel reads a complete local copy of a version by itself (fuse_passthrough, Linux 6.9). It does not mix opens
 * of one inode that do so with others, nor two backing files: the first open decides for all that overlap with it.
 */
import type { Syscalls } from '../../native/posix.js';

interface Backing {
  /** Undefined: the inode is open through the page cache. */
  readonly id: number | undefined;
  readonly handles: Set<number>;
}

export class BackingFiles {
  readonly #syscalls: Pick<Syscalls, 'openBacking' | 'closeBacking'>;
  readonly #fuseFd: number;
  readonly #byNode = new Map<number, Backing>();
  #isEnabled: boolean;

  constructor(syscalls: Pick<Syscalls, 'openBacking' | 'closeBacking'>, fuseFd: number, isEnabled: boolean) {
    this.#syscalls = syscalls;
    this.#fuseFd = fuseFd;
    this.#isEnabled = isEnabled;
  }

  /** The kernel does not have it, or `--no-passthrough` is set. */
  disable(): void {
    this.#isEnabled = false;
  }

  /** The backing id for a new handle; undefined if its reads go through us. */
  acquire(nodeId: number, handle: number, localFd: number | undefined): number | undefined {
    let backing = this.#byNode.get(nodeId);
    if (backing === undefined) {
      backing = { id: this.#register(localFd), handles: new Set() };
      this.#byNode.set(nodeId, backing);
    }
    backing.handles.add(handle);
    return backing.id;
  }

  /** A handle of an earlier process, whose ids the kernel keeps. 0: it reads through the page cache. */
  restore(nodeId: number, handle: number, id: number): void {
    const backing = this.#byNode.get(nodeId) ?? { id: id === 0 ? undefined : id, handles: new Set() };
    backing.handles.add(handle);
    this.#byNode.set(nodeId, backing);
  }

  release(nodeId: number, handle: number): void {
    const backing = this.#byNode.get(nodeId);
    if (backing?.handles.delete(handle) !== true || backing.handles.size > 0) return;
    this.#byNode.delete(nodeId);
    if (backing.id !== undefined) this.#syscalls.closeBacking(this.#fuseFd, backing.id);
  }

  #register(localFd: number | undefined): number | undefined {
    if (!this.#isEnabled || localFd === undefined) return undefined;
    try {
      return this.#syscalls.openBacking(this.#fuseFd, localFd);
    } catch {
      // No privilege (EPERM), or a file that the kernel cannot stack on: it will not be otherwise later.
      this.#isEnabled = false;
      return undefined;
    }
  }
}
