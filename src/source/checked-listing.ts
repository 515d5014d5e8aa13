import { ProtocolError } from './errors.js';
import { MAX_LISTED_ENTRIES, MAX_LISTING_PAGES } from './listing-limits.js';
import type { UrlEntry } from './metadata.js';
import type { Request } from './request.js';
import type { PageSink } from './resource-client.js';
import { Turns } from './turns.js';

/** What a client returned as a listing: checked, and handed to `onPage` or returned; undefined: it is none. */
export async function checkListing(
  value: unknown,
  { url, signal }: Request,
  onPage: PageSink | undefined,
): Promise<UrlEntry[] | undefined> {
  const pages = Array.isArray(value) ? [value] : value;
  if (!isIterable(pages)) return undefined;
  const turns = new Turns(signal);
  const listed: UrlEntry[] = [];
  /** A page that begins as an earlier one is that page again: without end, as its token was the same. */
  const begins = new Set<string>();
  let [pageCount, entryCount] = [0, 0];
  const refuse = (message: string, expected: string, found: string): never => {
    throw new ProtocolError(message, url, { expected, found });
  };
  for await (const page of pages) {
    signal?.throwIfAborted();
    if (!Array.isArray(page)) return undefined;
    const entries = page as readonly UrlEntry[];
    pageCount += 1;
    entryCount += entries.length;
    const [first] = entries;
    if (first !== undefined) {
      const begin = `${first.name}${first.isDir ? '/' : ''}`;
      if (begins.has(begin)) refuse('the listing repeats a page', 'new entries in each page', begin);
      begins.add(begin);
    }
    if (entryCount > MAX_LISTED_ENTRIES || pageCount > MAX_LISTING_PAGES) {
      const expected = `at most ${MAX_LISTED_ENTRIES} entries in ${MAX_LISTING_PAGES} pages`;
      refuse('the listing is too long', expected, 'more');
    }
    const usable: UrlEntry[] = [];
    for (const entry of entries) {
      const { name } = entry;
      if (typeof name !== 'string' || /[/?#]/.test(name)) continue;
      usable.push(entry);
      const wait = turns.spend(name.length);
      if (wait !== undefined) await wait;
    }
    if (onPage === undefined) for (const entry of usable) listed.push(entry);
    else await onPage(usable);
  }
  return listed;
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    Array.isArray(value) || (typeof value === 'object' && value !== null && Symbol.asyncIterator in value)
  );
}
