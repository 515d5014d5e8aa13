import type { BlockRun } from '../blocks/version-blocks.js';

/** dfdaemon reads ranges of up to 4 MiB from the source itself. */
const WINDOW_BYTES = 8 * 1024 * 1024;

/** The window that a block lies in: the same on all nodes. What would be less than a window belongs to the one before it. */
export function windowOf(index: number, blockBytes: number, sizeBytes: number): BlockRun {
  const blocks = Math.ceil(WINDOW_BYTES / blockBytes);
  const last = Math.max(0, Math.floor(sizeBytes / (blocks * blockBytes)) - 1);
  const number = Math.min(Math.floor(index / blocks), last);
  const end = number === last ? Math.ceil(sizeBytes / blockBytes) : (number + 1) * blocks;
  return { first: number * blocks, end };
}
