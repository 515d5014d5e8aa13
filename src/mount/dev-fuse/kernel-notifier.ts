import { setTimeout as sleep } from 'node:timers/promises';

import type { FuseDevice } from './fuse-device.js';
import type { Inode, InodeTable } from './inode-table.js';
import { NOTIFY, PRUNE_MINOR_VERSION } from './protocol.js';
import { encodeHeader, encodeInvalEntry, encodeInvalInode, encodePrune } from './reply-codec.js';

/** Each takes one of the four threads of libuv's pool while it waits for a lock. */
const MAX_IN_FLIGHT = 2;
/** After this time a change is sent although its directory is locked. */
const MAX_DELAY_MS = 1_000;
const PRUNE_BATCH = 256;
/** The next batch waits this long for one whose directories are locked. */
const MAX_BATCH_MS = 50;
/** When every inode is in use: how soon others are looked for, and when those that the kernel has kept are pruned again. */
const IDLE_MS = 1_000;
const RETRY_MS = 10_000;

/**
 * Notifies the kernel of resources that changed, and prunes inodes when there are too many. INVAL_ENTRY waits for the lock of its
 * directory, which the kernel holds during a LOOKUP: so it is sent from another thread, when the directory is unlocked, or for a
 * change after a while; one at a time to one directory, and few in all.
 */
export class KernelNotifier {
  readonly #device: FuseDevice;
  readonly #inodes: InodeTable;
  /** By directory. */
  readonly #waiting = new Map<Inode, Waiting>();
  /** Directories with a notification in progress; true: it was sent although the directory was locked. */
  readonly #inFlight = new Map<Inode, boolean>();
  #kernelMinor = 0;
  #isStopped = false;
  #isPruning = false;

  constructor(device: FuseDevice, inodes: InodeTable) {
    this.#device = device;
    this.#inodes = inodes;
    inodes.onAdded = () => this.#pruneExcess();
    inodes.onUnlocked = (directory) => {
      if (this.#waiting.has(directory)) this.#send();
    };
  }

  /** The kernel's version of the protocol is known. */
  agree(kernelMinor: number): void {
    this.#kernelMinor = kernelMinor;
  }

  /** The resource has another version, or is gone: its name must be looked up again. */
  entryChanged(url: string): void {
    for (const inode of this.#inodes.filesAt(url)) this.#waitingIn(inode.parent)?.changed.add(inode);
    this.#send();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  #waitingIn(directory: Inode | undefined): Waiting | undefined {
    if (directory === undefined || this.#isStopped) return undefined;
    const waiting = this.#waiting.get(directory) ?? {
      changed: new Set(),
      unused: new Set(),
      isOverdue: false,
    };
    this.#waiting.set(directory, waiting);
    return waiting;
  }

  #send(): void {
    for (const [directory, waiting] of this.#waiting) {
      if (this.#inFlight.size >= MAX_IN_FLIGHT) return;
      if (!this.#inFlight.has(directory) && this.#maySend(directory, waiting)) {
        void this.#sendNext(directory, waiting);
      }
    }
  }

  #maySend(directory: Inode, waiting: Waiting): boolean {
    if (directory.lockedFor === 0) return true;
    if (waiting.changed.size === 0) return false;
    waiting.timer ??= setTimeout(() => {
      waiting.isOverdue = true;
      this.#send();
    }, MAX_DELAY_MS).unref();
    // One at a time: directories that are not locked always have a thread.
    return waiting.isOverdue && ![...this.#inFlight.values()].includes(true);
  }

  async #sendNext(directory: Inode, waiting: Waiting): Promise<void> {
    const { changed, unused } = waiting;
    const isChanged = changed.size > 0;
    const [inode] = isChanged ? changed : unused;
    if (inode === undefined) return;
    changed.delete(inode);
    unused.delete(inode);
    if (changed.size === 0) {
      clearTimeout(waiting.timer);
      waiting.timer = undefined;
      waiting.isOverdue = false;
    }
    if (changed.size + unused.size === 0) this.#waiting.delete(directory);
    this.#inFlight.set(directory, directory.lockedFor > 0);
    if (isChanged) await this.#notify(NOTIFY.INVAL_INODE, encodeInvalInode(inode.id, -1));
    if (isChanged || isStillUnused(inode)) {
      await this.#notify(NOTIFY.INVAL_ENTRY, encodeInvalEntry(directory.id, inode.name));
    }
    this.#inFlight.delete(directory);
    this.#send();
  }

  /** The least recently used first, what is in a directory before the directory. */
  #pruneExcess(): void {
    if (this.#isPruning || this.#isStopped || !this.#inodes.isFull) return;
    this.#isPruning = true;
    void this.#prune().then(() => {
      this.#isPruning = false;
    });
  }

  async #prune(): Promise<void> {
    let retriedAtMs = performance.now();
    while (!this.#isStopped && this.#inodes.isFull) {
      const unused = this.#inodes.oldestUnused(PRUNE_BATCH).filter((inode) => this.#mayPrune(inode));
      for (const inode of unused) inode.isPruned = true;
      if (this.#kernelMinor >= PRUNE_MINOR_VERSION) {
        // It takes no lock.
        if (unused.length > 0) await this.#notify(NOTIFY.PRUNE, encodePrune(unused.map(({ id }) => id)));
      } else {
        for (const inode of unused) this.#waitingIn(inode.parent)?.unused.add(inode);
        this.#send();
        await this.#settle();
      }
      // The kernel's FORGETs come in between.
      await sleep(unused.length > 0 ? 0 : IDLE_MS, undefined, { ref: false });
      if (unused.length > 0 || performance.now() - retriedAtMs < RETRY_MS) continue;
      retriedAtMs = performance.now();
      this.#inodes.retryPruned();
    }
  }

  /** Until all is sent, or only locked directories are left. */
  async #settle(): Promise<void> {
    const untilMs = performance.now() + MAX_BATCH_MS;
    while (this.#waiting.size > 0 && performance.now() < untilMs) await sleep(1, undefined, { ref: false });
  }

  /** INVAL_ENTRY drops a name even if it is in use: a working directory would lose its path. */
  #mayPrune({ wasEntered }: Inode): boolean {
    return this.#kernelMinor >= PRUNE_MINOR_VERSION || !wasEntered;
  }

  async #notify(code: number, body: Buffer): Promise<void> {
    const header = encodeHeader(0, -code, body.length);
    if (!this.#isStopped) await this.#device.notify(Buffer.concat([header, body]));
  }
}

function isStillUnused({ opens, children, isPruned }: Inode): boolean {
  return opens === 0 && children === 0 && isPruned;
}

/** What waits to be sent to one directory. */
interface Waiting {
  /** Sent before the others, and after a while although the directory is locked. */
  readonly changed: Set<Inode>;
  readonly unused: Set<Inode>;
  isOverdue: boolean;
  timer?: NodeJS.Timeout | undefined;
}
