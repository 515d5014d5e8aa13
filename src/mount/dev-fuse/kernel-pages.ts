import type { FuseDevice } from './fuse-device.js';
import type { Inode } from './inode-table.js';
import { NOTIFY, PAGE_BYTES } from './protocol.js';
import { encodeHeader, encodeStore } from './reply-codec.js';

/**
 * Gives the kernel the first bytes of a file unasked (FUSE_NOTIFY_STORE), when the first open is about to be
 * answered and the source has brought them already: then nobody has to ask for them.
 *
 * The kernel waits for a page that is locked, and a reader who waits for us may hold the lock. Nobody reads what
 * was never open, so this is done before the answer to the first open, and never again.
 */
export class KernelPages {
  readonly #device: FuseDevice;
  #isRefused = false;

  constructor(device: FuseDevice) {
    this.#device = device;
  }

  /** `head`: the first bytes of `inode`, which was never open. */
  store(inode: Inode, head: Uint8Array): void {
    const { size } = inode.attr;
    // A page that is neither whole nor the end of the file would be thrown away.
    const bytes = head.byteLength >= size ? size : head.byteLength - (head.byteLength % PAGE_BYTES);
    if (bytes === 0 || this.#isRefused) return;
    const place = encodeStore(inode.id, 0, bytes);
    try {
      const header = encodeHeader(0, -NOTIFY.STORE, place.byteLength + bytes);
      this.#device.reply([header, place, head.subarray(0, bytes)]);
    } catch {
      // It will ask.
      this.#isRefused = true;
    }
  }
}
