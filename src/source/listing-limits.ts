/** Of one answer: what comes in pages has no limit. */
export const MAX_LISTING_BYTES = 64 * 1024 * 1024;
/** Of one answer whose entries are handed on as they come. */
export const MAX_STREAMED_BYTES = 1024 * 1024 * 1024;
/** In memory as objects. */
export const MAX_LISTED_ENTRIES = 500_000;
/** One behind the other. */
export const MAX_EMPTY_PAGES = 1_000;
/** A listing that is collected may take so many timeouts in all; of one that streams, each batch. */
export const LISTING_TIME_FACTOR = 4;

/** A listing is beyond a limit. It is refused whole: one that is cut off would deny what is there. */
export class ListingTooLong extends Error {
  override readonly name = 'ListingTooLong';
  readonly expected: string;

  constructor(expected: string) {
    super(`a listing is longer than ${expected}`);
    this.expected = expected;
  }
}
