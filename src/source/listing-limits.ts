/** What a listing may be. Half a million entries is what the cache keeps; a longer one would be fetched at each use. */
export const MAX_LISTING_BYTES = 64 * 1024 * 1024;
export const MAX_LISTED_ENTRIES = 500_000;
/** Of a listing that comes in pages, empty ones included. */
export const MAX_LISTING_PAGES = 10_000;

/** A listing is beyond a limit. It is refused whole: one that is cut off would deny what is there. */
export class ListingTooLong extends Error {
  override readonly name = 'ListingTooLong';
  readonly expected: string;

  constructor(expected: string) {
    super(`a listing is longer than ${expected}`);
    this.expected = expected;
  }
}
