import { setTimeout as sleep } from 'node:timers/promises';

import { isDirectory } from '../node.js';
import type { FuseDevice } from './fuse-device.js';
import type { Inode, InodeTable } from './inode-table.js';
import { NOTIFY, PRUNE_MINOR_VERSION } from './protocol.js';
import { encodeHeader, encodeInvalEntry, encodeInvalInode, encodePrune } from './reply-codec.js';

/** Each takes one of the four threads of libuv's pool while it waits for a lock. */
const MAX_UNDER_WAY = 2;
/** A directory that is locked all the time: so long the notification is put off. */
const MAX_DELAY_MS = 1_000;
const FORGET_BATCH = 256;
/** When all that could be forgotten is in use: what is used no more is found, and what the kernel has kept is tried again. */
const FORGET_AGAIN_MS = 1_000;
const RECONSIDER_MS = 10_000;

/**
 * Tells the kernel that what it remembers of a resource no longer holds, and makes it forget what it does not use.
 *
 * A notification about a name waits for the lock of its directory, which a reader may hold who waits for us. So it is
 * sent from another thread; for a directory that is locked when it is unlocked, or after a while; one at a time for
 * one directory, and few at a time in all, so that those of one directory do not wait for those of another. None is
 * sent once the connection ends.
 */
export class KernelNotifier {
  readonly #device: FuseDevice;
  readonly #inodes: InodeTable;
  /** Names to be notified of, by their directory. */
  readonly #waiting = new Map<Inode, Waiting>();
  /** Directories with a notification under way; true: it was sent although the directory was locked. */
  readonly #underWay = new Map<Inode, boolean>();
  #kernelMinor = 0;
  #isStopped = false;
  #isForgetting = false;

  constructor(device: FuseDevice, inodes: InodeTable) {
    this.#device = device;
    this.#inodes = inodes;
    inodes.onAdded = () => this.#forgetExcess();
    inodes.onUnlocked = (directory) => {
      if (this.#waiting.has(directory)) this.#send();
    };
  }

  /** Which version of the protocol the kernel knows. */
  agree(kernelMinor: number): void {
    this.#kernelMinor = kernelMinor;
  }

  /** The resource has another version, or is gone: its name is looked up again. */
  entryChanged(url: string): void {
    for (const inode of this.#inodes.filesAt(url)) this.#queue(inode, 'changed');
    this.#send();
  }

  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  #queue(inode: Inode, reason: Reason): void {
    if (inode.parent === undefined || this.#isStopped) return;
    const waiting = this.#waiting.get(inode.parent) ?? { inodes: new Map(), sinceMs: performance.now() };
    this.#waiting.set(inode.parent, waiting);
    if (waiting.inodes.get(inode) !== 'changed') waiting.inodes.set(inode, reason);
  }

  #send(): void {
    for (const [directory, waiting] of this.#waiting) {
      if (this.#underWay.size >= MAX_UNDER_WAY) return;
      if (!this.#underWay.has(directory) && this.#maySend(directory, waiting)) {
        void this.#sendNext(directory, waiting);
      }
    }
  }

  #maySend(directory: Inode, waiting: Waiting): boolean {
    if (directory.lockedFor === 0) return true;
    const leftMs = waiting.sinceMs + MAX_DELAY_MS - performance.now();
    if (leftMs > 0) {
      waiting.timer ??= setTimeout(() => {
        waiting.timer = undefined;
        this.#send();
      }, leftMs).unref();
      return false;
    }
    // Of these one at a time: those that are not locked are always left a thread.
    return ![...this.#underWay.values()].includes(true);
  }

  async #sendNext(directory: Inode, waiting: Waiting): Promise<void> {
    const [next] = waiting.inodes;
    if (next === undefined) return;
    const [inode, reason] = next;
    waiting.inodes.delete(inode);
    if (waiting.inodes.size === 0) {
      clearTimeout(waiting.timer);
      this.#waiting.delete(directory);
    }
    this.#underWay.set(directory, directory.lockedFor > 0);
    if (reason === 'changed') await this.#notify(NOTIFY.INVAL_INODE, encodeInvalInode(inode.id, -1));
    if (reason === 'changed' || isStillUnused(inode)) {
      await this.#notify(NOTIFY.INVAL_ENTRY, encodeInvalEntry(directory.id, inode.name));
    }
    this.#underWay.delete(directory);
    this.#send();
  }

  /** What was used longest ago is forgotten, what is in a directory before the directory. */
  #forgetExcess(): void {
    if (this.#isForgetting || this.#isStopped || !this.#inodes.isFull) return;
    this.#isForgetting = true;
    void this.#forget().then(() => {
      this.#isForgetting = false;
    });
  }

  async #forget(): Promise<void> {
    let reconsideredAtMs = performance.now();
    while (!this.#isStopped && this.#inodes.isFull) {
      const unused = this.#inodes.oldestUnused(FORGET_BATCH).filter((inode) => this.#isForgettable(inode));
      for (const inode of unused) inode.isGivenUp = true;
      if (this.#kernelMinor >= PRUNE_MINOR_VERSION) {
        // It takes no lock.
        if (unused.length > 0) await this.#notify(NOTIFY.PRUNE, encodePrune(unused.map(({ id }) => id)));
      } else {
        for (const inode of unused) this.#queue(inode, 'unused');
        this.#send();
      }
      // What the kernel says to that comes in between.
      await sleep(unused.length > 0 ? 0 : FORGET_AGAIN_MS, undefined, { ref: false });
      if (unused.length > 0 || performance.now() - reconsideredAtMs < RECONSIDER_MS) continue;
      reconsideredAtMs = performance.now();
      this.#inodes.reconsider();
    }
  }

  /** An older kernel drops a name even if it is in use: a working directory would lose its path. */
  #isForgettable(inode: Inode): boolean {
    if (this.#kernelMinor >= PRUNE_MINOR_VERSION) return true;
    if (isDirectory(inode.node) && inode.wasEntered) return false;
    // Whoever waits for a lock keeps those out who come after him, and a source may be slow to answer.
    return inode.parent !== undefined && inode.parent.lockedFor === 0;
  }

  async #notify(code: number, body: Buffer): Promise<void> {
    const header = encodeHeader(0, -code, body.length);
    if (!this.#isStopped) await this.#device.notify(Buffer.concat([header, body]));
  }
}

/** Whether it was used since it was given up. */
function isStillUnused({ opens, children, isGivenUp }: Inode): boolean {
  return opens === 0 && children === 0 && isGivenUp;
}

type Reason = 'changed' | 'unused';

interface Waiting {
  readonly inodes: Map<Inode, Reason>;
  readonly sinceMs: number;
  timer?: NodeJS.Timeout | undefined;
}
