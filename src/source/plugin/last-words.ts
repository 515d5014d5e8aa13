import type { Readable } from 'node:stream';

/** What is kept for messages, and read in a second. */
const KEPT_CHARS = 2_000;
const BYTES_PER_SECOND = 64 * 1024;

/**
 * The end of what a process writes to its standard error. No more is read than is good for us: who writes
 * without end has to wait.
 */
export class LastWords {
  #text = '';

  /** Undefined where no process could be made, for want of descriptors. */
  constructor(stderr: Readable | null | undefined) {
    if (stderr === null || stderr === undefined) return;
    let budgetBytes = BYTES_PER_SECOND;
    stderr.on('error', () => undefined);
    stderr.on('data', (chunk: Buffer) => {
      this.#text = (this.#text + chunk.toString()).slice(-KEPT_CHARS);
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
    const said = this.#text.trim();
    return said === '' ? '' : `; it said: ${said}`;
  }
}
