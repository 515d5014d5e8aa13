import { freemem } from 'node:os';

import type { Segment } from './segment.js';
import type { StoreContext } from './store-context.js';

const PIECE_BYTES = 1024 * 1024;
/** What takes more of the memory that is available is left on the disk. */
const MEMORY_SHARE = 1 / 4;

/**
 * Brings a complete copy that was written past the page cache into it: the next open of the file, in this
 * mount or the next one, most likely does so soon, and is given the copy instead of the pages of the mount.
 * Rejects if it cannot be read.
 */
export async function warmCopy(context: StoreContext, segment: Segment): Promise<void> {
  const { files, span } = segment;
  if (!files.isWrittenDirectly || span.dataBytes > freemem() * MEMORY_SHARE) return;
  files.isWrittenDirectly = false;
  const piece = new Uint8Array(Math.min(PIECE_BYTES, span.dataBytes));
  for (let at = 0; at < span.dataBytes; at += piece.byteLength) {
    if (context.isClosing || segment.isDetached) return;
    await files.readData([piece], at);
  }
}
