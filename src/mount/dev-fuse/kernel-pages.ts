import type { FuseDevice } from './fuse-device.js';
import type { Inode } from './inode-table.js';
import { NOTIFY, PAGE_BYTES } from './protocol.js';
import { encodeHeader, encodeStore } from './reply-codec.js';

/**
 * Stores the first bytes of a file in the page cache (FUSE_NOTIFY_STORE) before the reply to its first open, which saves the first
 * READ. Later a READ in flight may hold the lock of a page, for which the kernel would wait.
 */
export class KernelPages {
  readonly #device: FuseDevice;
  #isRefused = false;

  constructor(device: FuseDevice) {
    this.#device = device;
  }

  /** `head`: the first bytes of `inode`, which was never open. Returns how many of them the kernel has now. */
  store(inode: Inode, head: Uint8Array): number {
    const { size } = inode.attr;
    // A page that is neither whole nor the end of the file would be thrown away.
    const bytes = head.byteLength >= size ? size : head.byteLength - (head.byteLength % PAGE_BYTES);
    if (bytes === 0 || this.#isRefused) return 0;
    const place = encodeStore(inode.id, 0, bytes);
    try {
      const header = encodeHeader(0, -NOTIFY.STORE, place.byteLength + bytes);
      this.#device.reply([header, place, head.subarray(0, bytes)]);
      return bytes;
    } catch {
      // The kernel sends a READ instead.
      this.#isRefused = true;
      return 0;
    }
  }
}
