/** Decides what to fetch ahead of one handle's reads (docs/ARCHITECTURE.md, "Readahead"). Pure state, no I/O. */
import { VisitedRegions } from './visited-regions.js';

export interface ReadaheadOptions {
  readonly initialBytes: number;
  /** How far a read may be from where the last one ended and still be in sequence. */
  readonly slackBytes: number;
  /** What a reader that jumps about gets the rest of, when it comes again. */
  readonly regionBytes: number;
}

export const DEFAULT_READAHEAD: ReadaheadOptions = {
  initialBytes: 1024 * 1024,
  slackBytes: 4 * 1024 * 1024,
  regionBytes: 256 * 1024,
};

/** One sequential reader. As an object it holds the fetches made for it. */
export interface ReadStream {
  /** The first byte that it has read of the file. A read before that goes backward. */
  start: number;
  /** Where the next read is expected. */
  end: number;
  windowBytes: number;
  aheadEnd: number;
  hasStalled: boolean;
  /** How much it has read. */
  passedBytes: number;
}

/** Less is what programs look at of each file; a large first read is that of one which reads on. */
const MIN_IN_ORDER_BYTES = 256 * 1024;
const MAX_START_BYTES = 64 * 1024;

/** Whether a reader is likely to read all of the file in its order. */
export function isLikelyToReadAll({ start, passedBytes }: ReadStream): boolean {
  return start <= MAX_START_BYTES && passedBytes >= MIN_IN_ORDER_BYTES;
}

export interface ReadaheadPlan {
  readonly stream: ReadStream;
  /** Fetch up to here, at least to the end of the read. */
  readonly aheadEnd: number;
  /** Holds what is fetched beyond the read. The rest of a region is short, and not cancelled with its stream. */
  readonly ahead: object;
  /** And this, apart from the read. */
  readonly region: { readonly start: number; readonly end: number } | undefined;
  /** A stream that is followed no longer. */
  readonly abandoned: ReadStream | undefined;
}

const MAX_STREAMS = 2;

export class Readahead {
  readonly #options: ReadaheadOptions;
  readonly #streams: ReadStream[] = [];
  readonly #visited: VisitedRegions;

  constructor(options: ReadaheadOptions = DEFAULT_READAHEAD) {
    this.#options = options;
    this.#visited = new VisitedRegions(options.regionBytes);
  }

  get streams(): readonly ReadStream[] {
    return this.#streams;
  }

  /** What holds fetches for this handle: all `ahead` of its plans that were not abandoned. */
  get holders(): readonly object[] {
    return [...this.#streams, this.#visited];
  }

  /** Reports a read of `[start, end)`, and whether it has to wait; the window grows to `maxBytes` at most. */
  next(start: number, end: number, isStalled: boolean, maxBytes: number): ReadaheadPlan {
    const known = this.#streams.findIndex((stream) => this.#continues(stream, start));
    const stream = this.#streams[known];
    if (stream === undefined) return this.#begin(start, end, isStalled, maxBytes);
    // The one used last stands last.
    this.#streams.push(...this.#streams.splice(known, 1));
    const region = start < stream.start ? this.#regionAt(start, isStalled, maxBytes) : undefined;
    stream.start = Math.min(stream.start, start);
    stream.end = Math.max(stream.end, end);
    stream.passedBytes += end - start;
    stream.hasStalled ||= isStalled;
    const left = stream.aheadEnd - end;
    if (stream.windowBytes === 0 || left <= stream.windowBytes / 2) this.#extend(stream, end, maxBytes);
    const aheadEnd = region === undefined ? Math.max(end, stream.aheadEnd) : end;
    return {
      stream,
      aheadEnd,
      region,
      ahead: region === undefined ? stream : this.#visited,
      abandoned: undefined,
    };
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

  #begin(start: number, end: number, isStalled: boolean, maxBytes: number): ReadaheadPlan {
    const passedBytes = end - start;
    const stream = { start, end, windowBytes: 0, aheadEnd: end, hasStalled: false, passedBytes };
    this.#streams.push(stream);
    const abandoned = this.#streams.length > MAX_STREAMS ? this.#streams.shift() : undefined;
    const region = this.#regionAt(start, isStalled, maxBytes);
    return { stream, aheadEnd: end, region, ahead: region === undefined ? stream : this.#visited, abandoned };
  }

  /** What to fetch for a reader that has to wait where it has been before. */
  #regionAt(start: number, isStalled: boolean, maxBytes: number): ReturnType<VisitedRegions['visit']> {
    return isStalled && this.#options.regionBytes <= maxBytes ? this.#visited.visit(start) : undefined;
  }
}
