import { constants } from 'node:fs';

import type { Descriptors, OpenFile } from './descriptors.js';
import { codeOf } from '../../error-code.js';
import { writeAt } from './file-io.js';

/**
 * Undefined on systems without it. What is written so must begin, in memory and in the file, and end at multiples
 * of what the device addresses: at most a page (open(2), "O_DIRECT").
 */
const O_DIRECT = 'O_DIRECT' in constants ? constants.O_DIRECT : undefined;
export const DIRECT_FLAGS = constants.O_WRONLY | (O_DIRECT ?? 0);
const PAGE_BYTES = 4096;
/** Less is not worth waiting for the device. */
const MIN_BYTES = 1024 * 1024;

/** The file system does not do it, or not with this memory. */
const REFUSED = new Set(['EINVAL', 'EOPNOTSUPP']);

/**
 * Writes past the page cache. It takes next to no processor time, where a copy into fresh pages costs as much
 * as receiving the bytes did, and no memory: a process that has read the bytes has them in the kernel's pages of the
 * mount already.
 */
export class DirectWrites {
  readonly #descriptors: Descriptors;
  #isPossible = O_DIRECT !== undefined;

  constructor(descriptors: Descriptors) {
    this.#descriptors = descriptors;
  }

  /** Resolves to how many pieces were written, from the first on: perhaps none. `file` is opened with `DIRECT_FLAGS`. */
  async write(file: OpenFile, pieces: readonly Uint8Array[], position: number): Promise<number> {
    const odd = pieces.findIndex(({ byteLength }) => byteLength % PAGE_BYTES !== 0);
    const whole = odd === -1 ? pieces : pieces.slice(0, odd);
    const bytes = whole.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (!this.#isPossible || bytes < MIN_BYTES || position % PAGE_BYTES !== 0) return 0;
    try {
      await this.#descriptors.use(file, (fd) => writeAt(fd, whole, position));
      return whole.length;
    } catch (error) {
      if (!REFUSED.has(codeOf(error))) throw error;
      this.#isPossible = false;
      return 0;
    }
  }
}
