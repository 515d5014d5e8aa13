import type { Readable } from 'node:stream';

import type { OptionMask } from './option-mask.js';

/** What is kept for messages, and read in a second. */
const KEPT_BYTES = 1_600;
const MAX_LINE_CHARS = 400;
const BYTES_PER_SECOND = 64 * 1024;

/**
 * The end of what a process writes to its standard error, without the values of its options. No more is read than
 * is good for us: a plugin that writes without end blocks.
 */
export class StderrTail {
  readonly #mask: OptionMask;
  #bytes = Buffer.alloc(0);
  #isCut = false;

  /** Undefined where no process could be made, for want of descriptors. */
  constructor(stderr: Readable | null | undefined, mask: OptionMask) {
    this.#mask = mask;
    if (stderr === null || stderr === undefined) return;
    let budgetBytes = BYTES_PER_SECOND;
    stderr.on('error', () => undefined);
    stderr.on('data', (chunk: Buffer) => {
      this.#isCut ||= this.#bytes.length + chunk.length > KEPT_BYTES;
      this.#bytes = Buffer.concat([this.#bytes, chunk]).subarray(-KEPT_BYTES);
      budgetBytes -= chunk.byteLength;
      if (budgetBytes > 0) return;
      stderr.pause();
      setTimeout(() => {
        budgetBytes = BYTES_PER_SECOND;
        stderr.resume();
      }, 1_000).unref();
    });
  }

  /** To be put behind a message. */
  toString(): string {
    const text = this.#bytes.toString();
    const said = (this.#isCut ? this.#mask.hideInTail(text) : this.#mask.hide(text)).trim();
    const lines = said.split('\n').map((line) => line.slice(0, MAX_LINE_CHARS));
    return said === '' ? '' : `; it said: ${lines.join('\n')}`;
  }
}
