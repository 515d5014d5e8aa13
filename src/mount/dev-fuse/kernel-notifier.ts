import type { FuseDevice } from './fuse-device.js';
import type { Inode, InodeTable } from './inode-table.js';
import { NOTIFY } from './protocol.js';
import { encodeInvalEntry, encodeInvalInode, encodeHeader } from './reply-codec.js';

/** Between two of them the event loop has its turn. */
const FORGET_BATCH = 256;

/**
 * Tells the kernel that what it remembers of a resource no longer holds. A notification may wait for a
 * lock that a reader holds who waits for us, so it is sent from another thread, one at a time, and none is
 * sent once the connection ends.
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
    for (const { id, name, parent } of this.#inodes.filesAt(url)) {
      this.#send(NOTIFY.INVAL_INODE, encodeInvalInode(id, -1));
      this.#invalidateName(name, parent);
    }
  }

  /** The kernel knows too much: names that were looked up longest ago are to be forgotten, some at a time. */
  forgetOldest(): void {
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    for (const { name, parent } of this.#inodes.takeIdleFiles(FORGET_BATCH))
      this.#invalidateName(name, parent);
    void this.#last.then(() => {
      this.#isForgetting = false;
    });
  }

  #invalidateName(name: string, parent: Inode | undefined): void {
    if (parent !== undefined) this.#send(NOTIFY.INVAL_ENTRY, encodeInvalEntry(parent.id, name));
  }

  stop(): void {
    this.#isStopped = true;
  }

  #send(code: number, body: Buffer): void {
    const header = encodeHeader(0, -code, body.length);
    this.#last = this.#last.then(async () => {
      if (!this.#isStopped) await this.#device.notify(Buffer.concat([header, body]));
    });
  }
}
