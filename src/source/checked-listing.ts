import { ProtocolError } from './errors.js';
import { MAX_EMPTY_PAGES, MAX_LISTED_ENTRIES } from './listing-limits.js';
import type { UrlEntry } from './metadata.js';
import type { Request } from './request.js';
import type { PageSink } from './resource-client.js';
import { Turns } from './turns.js';

/**
 * What a client returned as a listing, checked: what comes in pages is handed to `onPage`, where there is one, and the rest
 * returned; undefined: it is none.
 */
export async function checkListing(
  value: unknown,
  request: Request,
  onPage: PageSink | undefined,
): Promise<UrlEntry[] | undefined> {
  const turns = new Turns(request.signal);
  if (Array.isArray(value)) return await usable(value as readonly UrlEntry[], turns);
  if (!isAsyncIterable(value)) return undefined;
  const listed: UrlEntry[] = [];
  const order = new PageOrder(request.url);
  for await (const page of value) {
    request.signal?.throwIfAborted();
    if (!Array.isArray(page)) return undefined;
    const entries = page as readonly UrlEntry[];
    order.check(entries);
    const checked = await usable(entries, turns);
    if (onPage !== undefined) {
      await onPage(checked);
      continue;
    }
    for (const entry of checked) listed.push(entry);
    if (listed.length > MAX_LISTED_ENTRIES) {
      const facts = { expected: `at most ${MAX_LISTED_ENTRIES} entries at once`, found: 'more' };
      throw new ProtocolError('the listing is too long', request.url, facts);
    }
  }
  return listed;
}

async function usable(entries: readonly UrlEntry[], turns: Turns): Promise<UrlEntry[]> {
  const found: UrlEntry[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (typeof name !== 'string' || /[/?#]/.test(name)) continue;
    found.push(entry);
    const wait = turns.spend(name.length);
    if (wait !== undefined) await wait;
  }
  return found;
}

/** Finds out that pages go in circles, or on without end, in little memory (Brent). */
class PageOrder {
  readonly #url: URL;
  /** How one of the pages begins: the next that begins so is the same. It is another one after 1, 2, 4, 8 … pages. */
  #begin: string | undefined;
  #pages = 0;
  #nextAfter = 1;
  #emptyPages = 0;

  constructor(url: URL) {
    this.#url = url;
  }

  check([first]: readonly UrlEntry[]): void {
    if (first === undefined) {
      this.#emptyPages += 1;
      if (this.#emptyPages <= MAX_EMPTY_PAGES) return;
      throw this.#failure(
        'the listing has no end',
        `at most ${MAX_EMPTY_PAGES} empty pages in a row`,
        'more',
      );
    }
    this.#emptyPages = 0;
    const begin = `${first.name}${first.isDir ? '/' : ''}`;
    if (begin === this.#begin)
      throw this.#failure('the listing repeats a page', 'new entries in each page', begin);
    this.#pages += 1;
    if (this.#pages < this.#nextAfter) return;
    this.#begin = begin;
    this.#nextAfter *= 2;
  }

  #failure(message: string, expected: string, found: string): ProtocolError {
    return new ProtocolError(message, this.#url, { expected, found });
  }
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
