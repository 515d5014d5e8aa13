/**
 * Decides how far ahead of one handle's reads to fetch. Pure state, no I/O.
 *
 * A read that begins where the last one ended, give or take the kernel's reordering, makes the window
 * grow twofold up to its maximum; any other read closes it. It opens with the second read: many programs
 * look at the first bytes of a file and leave. The window is extended when half of it is used up, so that a
 * sequential reader makes few, large requests and always has one under way.
 */
export interface ReadaheadOptions {
  readonly initialBytes: number;
  readonly maxBytes: number;
  /** How far a read may be from where the last one ended and still be in sequence. */
  readonly slackBytes: number;
}

export const DEFAULT_READAHEAD: ReadaheadOptions = {
  initialBytes: 256 * 1024,
  maxBytes: 8 * 1024 * 1024,
  // The kernel keeps two readahead windows under way, and their requests arrive in any order.
  slackBytes: 1024 * 1024,
};

export class Readahead {
  readonly #options: ReadaheadOptions;
  #expectedStart: number | undefined;
  #windowBytes = 0;
  #aheadEnd = 0;

  constructor(options: ReadaheadOptions = DEFAULT_READAHEAD) {
    this.#options = options;
  }

  /** Tells of a read of `[start, end)`; returns up to where to fetch, at least `end`. */
  next(start: number, end: number): number {
    const { initialBytes, maxBytes, slackBytes } = this.#options;
    if (this.#expectedStart === undefined || Math.abs(start - this.#expectedStart) > slackBytes) {
      this.#windowBytes = 0;
      this.#aheadEnd = end;
      this.#expectedStart = end;
      return end;
    }
    this.#expectedStart = Math.max(end, this.#expectedStart);
    if (this.#windowBytes > 0 && this.#aheadEnd - end > this.#windowBytes / 2) return end;
    this.#windowBytes = this.#windowBytes === 0 ? initialBytes : Math.min(this.#windowBytes * 2, maxBytes);
    this.#aheadEnd = Math.max(this.#aheadEnd, end + this.#windowBytes);
    return this.#aheadEnd;
  }

  /** The memory is full: go on with half of the window before. */
  shrink(): void {
    this.#windowBytes = Math.floor(this.#windowBytes / 4);
    this.#aheadEnd = this.#expectedStart ?? 0;
  }
}
