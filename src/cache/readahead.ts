/**
 * Decides what to fetch ahead of one handle's reads. Pure state, no I/O.
 *
 * Up to two streams are followed, so that two interleaved sequential readers of one handle both count as
 * such. A read that begins exactly where a stream ended makes the stream sequential; from then on a read
 * that is near it, before or behind, belongs to it: the kernel keeps two readahead windows under way, whose
 * requests arrive in any order. Anything else begins a new stream in place of the one used longest ago,
 * whose fetches are given up.
 *
 * The window opens with the second read, since many programs look at the first bytes of a file and leave. It
 * doubles each time that the reader had to wait since it was last extended, up to a maximum that depends on
 * the link; it is extended when half of it is used up, so that requests are few and one is always under way.
 *
 * Reads at a constant distance that is more than a block (a column of a table) are followed as well: then
 * the next few of them are fetched, and not what lies between.
 */
export interface ReadaheadOptions {
  readonly initialBytes: number;
  /** How far a read may be from where the last one ended and still be in sequence. */
  readonly slackBytes: number;
  /** How many reads of a strided reader are fetched ahead. */
  readonly strideReads: number;
}

export const DEFAULT_READAHEAD: ReadaheadOptions = {
  initialBytes: 1024 * 1024,
  slackBytes: 4 * 1024 * 1024,
  strideReads: 4,
};

/** One sequential or strided reader. As an object it holds the fetches made for it. */
export interface ReadStream {
  /** Where the next read is expected. */
  end: number;
  windowBytes: number;
  aheadEnd: number;
  hasStalled: boolean;
  /** How much it has read. */
  passedBytes: number;
}

export interface ReadaheadPlan {
  readonly stream: ReadStream;
  /** Fetch up to here, at least to the end of the read. */
  readonly aheadEnd: number;
  /** And these, each apart from the others. */
  readonly strides: readonly { readonly start: number; readonly end: number }[];
  /** A stream that is followed no longer. */
  readonly abandoned: ReadStream | undefined;
}

const MAX_STREAMS = 2;
/** This many equal distances in a row make a strided reader. */
const MIN_STRIDES = 3;

export class Readahead {
  readonly #options: ReadaheadOptions;
  readonly #streams: ReadStream[] = [];
  #lastStart: number | undefined;
  #stride = 0;
  #strides = 0;

  constructor(options: ReadaheadOptions = DEFAULT_READAHEAD) {
    this.#options = options;
  }

  get streams(): readonly ReadStream[] {
    return this.#streams;
  }

  /** Tells of a read of `[start, end)`, and whether it has to wait; the window grows to `maxBytes` at most. */
  next(start: number, end: number, isStalled: boolean, maxBytes: number): ReadaheadPlan {
    this.#countStrides(start);
    const known = this.#streams.findIndex((stream) => this.#continues(stream, start));
    const stream = this.#streams[known];
    if (stream === undefined) return this.#begin(start, end);
    // The one used last stands last.
    this.#streams.push(...this.#streams.splice(known, 1));
    stream.end = Math.max(stream.end, end);
    stream.passedBytes += end - start;
    stream.hasStalled ||= isStalled;
    const left = stream.aheadEnd - end;
    if (stream.windowBytes === 0 || left <= stream.windowBytes / 2) this.#extend(stream, end, maxBytes);
    return { stream, aheadEnd: Math.max(end, stream.aheadEnd), strides: [], abandoned: undefined };
  }

  /** The memory is full: go on with a quarter of the window. */
  shrink(stream: ReadStream): void {
    stream.windowBytes = Math.floor(stream.windowBytes / 4);
    stream.aheadEnd = stream.end;
  }

  #continues(stream: ReadStream, start: number): boolean {
    if (stream.windowBytes === 0) return start === stream.end;
    return Math.abs(start - stream.end) <= this.#options.slackBytes;
  }

  #extend(stream: ReadStream, end: number, maxBytes: number): void {
    if (stream.windowBytes === 0) stream.windowBytes = this.#options.initialBytes;
    else if (stream.hasStalled) stream.windowBytes *= 2;
    stream.windowBytes = Math.min(stream.windowBytes, maxBytes);
    stream.hasStalled = false;
    stream.aheadEnd = Math.max(stream.aheadEnd, end + stream.windowBytes);
  }

  #begin(start: number, end: number): ReadaheadPlan {
    const stream = { end, windowBytes: 0, aheadEnd: end, hasStalled: false, passedBytes: 0 };
    this.#streams.push(stream);
    const abandoned = this.#streams.length > MAX_STREAMS ? this.#streams.shift() : undefined;
    return { stream, aheadEnd: end, strides: this.#nextStrides(start, end - start), abandoned };
  }

  #countStrides(start: number): void {
    const stride = start - (this.#lastStart ?? start);
    this.#lastStart = start;
    this.#strides = stride !== 0 && stride === this.#stride ? this.#strides + 1 : 0;
    this.#stride = stride;
  }

  #nextStrides(start: number, length: number): { start: number; end: number }[] {
    if (this.#strides < MIN_STRIDES - 1) return [];
    return Array.from({ length: this.#options.strideReads }, (_, i) => {
      const at = start + this.#stride * (i + 1);
      return { start: at, end: at + length };
    }).filter((range) => range.start >= 0);
  }
}
