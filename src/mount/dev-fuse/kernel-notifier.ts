import { setTimeout as sleep } from 'node:timers/promises';

import type { FuseDevice } from './fuse-device.js';
import type { Inode, InodeTable } from './inode-table.js';
import { NOTIFY } from './protocol.js';
import { encodeInvalEntry, encodeInvalInode, encodeHeader } from './reply-codec.js';

const FORGET_BATCH = 64;
/** When all that could be forgotten is in use. */
const FORGET_AGAIN_MS = 1_000;

/**
 * Tells the kernel that what it remembers of a resource no longer holds. A notification may wait for a
 * lock that a reader holds who waits for us, so it is sent from another thread, one at a time (and one that makes the kernel
 * forget), and none is sent once the connection ends.
 */
export class KernelNotifier {
  readonly #device: FuseDevice;
  readonly #inodes: InodeTable;
  #last: Promise<void> = Promise.resolve();
  #isStopped = false;
  #isForgetting = false;

  constructor(device: FuseDevice, inodes: InodeTable) {
    this.#device = device;
    this.#inodes = inodes;
  }

  /** The resource has another version, or is gone: its name is looked up again. */
  entryChanged(url: string): void {
    for (const inode of this.#inodes.filesAt(url)) {
      const parent = this.#inodes.parentOf(inode);
      const inval = encodeInvalInode(inode.id, -1);
      this.#last = this.#last.then(async () => {
        await this.#notify(NOTIFY.INVAL_INODE, inval);
        if (parent !== undefined) await this.#forgetName(parent, inode);
      });
    }
  }

  /** If the kernel knows more, it is to forget files, those first that were used longest ago. */
  keepBelow(maxInodes: number): void {
    if (this.#isForgetting || this.#inodes.size <= maxInodes) return;
    this.#isForgetting = true;
    void this.#forgetDownTo(maxInodes).then(() => {
      this.#isForgetting = false;
    });
  }

  async #forgetDownTo(maxInodes: number): Promise<void> {
    while (!this.#isStopped && this.#inodes.size > maxInodes) {
      let isAnyForgotten = false;
      for (const inode of this.#inodes.oldestFiles(FORGET_BATCH)) {
        const parent = this.#inodes.parentOf(inode);
        // Whoever waits for a lock keeps those out who come after him, and a source may be slow to answer.
        if (parent === undefined || parent.lockedFor > 0 || inode.opens > 0) continue;
        inode.isGivenUp = true;
        isAnyForgotten = true;
        await this.#forgetName(parent, inode);
      }
      // What the kernel says to that comes in between.
      await sleep(isAnyForgotten ? 0 : FORGET_AGAIN_MS, undefined, { ref: false });
    }
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #forgetName(parent: Inode, { name }: Inode): Promise<void> {
    await this.#notify(NOTIFY.INVAL_ENTRY, encodeInvalEntry(parent.id, name));
  }

  async #notify(code: number, body: Buffer): Promise<void> {
    const header = encodeHeader(0, -code, body.length);
    if (!this.#isStopped) await this.#device.notify(Buffer.concat([header, body]));
  }
}
