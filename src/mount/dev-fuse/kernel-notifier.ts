import { setTimeout as sleep } from 'node:timers/promises';

import type { FuseDevice } from './fuse-device.js';
import type { Inode, InodeTable } from './inode-table.js';
import { NOTIFY, PRUNE_MINOR_VERSION } from './protocol.js';
import { encodeHeader, encodeInvalEntry, encodeInvalInode, encodePrune } from './reply-codec.js';

/** Each takes one of the four threads of libuv's pool while it waits for a lock. */
const MAX_UNDER_WAY = 2;
/** A directory that is locked all the time: so long the notification is put off. */
const MAX_DELAY_MS = 1_000;
const FORGET_BATCH = 256;
/** For so long the next batch waits for one whose directories are locked. */
const MAX_BATCH_MS = 50;
/** When all that could be forgotten is in use: what is used no more is found, and what the kernel has kept is tried again. */
const FORGET_AGAIN_MS = 1_000;
const RECONSIDER_MS = 10_000;

/**
 * Tells the kernel that what it remembers of a resource no longer holds, and makes it forget what it does not use.
 *
 * A notification about a name waits for the lock of its directory, which a reader may hold who waits for us, and
 * keeps out those who come after it. So it is sent from another thread; for a directory that is locked when it is
 * unlocked, or where something changed, after a while; one at a time for one directory, and few at a time in all, so
 * that those of one directory do not wait for those of another. None is sent once the connection ends.
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
      if (this.#underWay.size >= MAX_UNDER_WAY) return;
      if (!this.#underWay.has(directory) && this.#maySend(directory, waiting)) {
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
    // Of these one at a time: those that are not locked are always left a thread.
    return waiting.isOverdue && ![...this.#underWay.values()].includes(true);
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
    this.#underWay.set(directory, directory.lockedFor > 0);
    if (isChanged) await this.#notify(NOTIFY.INVAL_INODE, encodeInvalInode(inode.id, -1));
    if (isChanged || isStillUnused(inode)) {
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
        for (const inode of unused) this.#waitingIn(inode.parent)?.unused.add(inode);
        this.#send();
        await this.#settle();
      }
      // The kernel's FORGETs come in between.
      await sleep(unused.length > 0 ? 0 : FORGET_AGAIN_MS, undefined, { ref: false });
      if (unused.length > 0 || performance.now() - reconsideredAtMs < RECONSIDER_MS) continue;
      reconsideredAtMs = performance.now();
      this.#inodes.reconsider();
    }
  }

  /** Until all that waits is sent, or only locked directories are left. */
  async #settle(): Promise<void> {
    const untilMs = performance.now() + MAX_BATCH_MS;
    while (this.#waiting.size > 0 && performance.now() < untilMs) await sleep(1, undefined, { ref: false });
  }

  /** An older kernel drops a name even if it is in use: a working directory would lose its path. */
  #isForgettable({ wasEntered }: Inode): boolean {
    return this.#kernelMinor >= PRUNE_MINOR_VERSION || !wasEntered;
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

/** What the kernel is to be notified of in one directory. */
interface Waiting {
  /** Sent before the others, and after a while although the directory is locked. */
  readonly changed: Set<Inode>;
  readonly unused: Set<Inode>;
  isOverdue: boolean;
  timer?: NodeJS.Timeout | undefined;
}
