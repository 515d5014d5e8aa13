/** Listings in pages of XML. */
import { ProtocolError, TimeoutError } from '../../errors.js';
import type { HttpEngine, TextReader } from '../../http/http-engine.js';
import { MalformedXml, XmlEvents, type XmlHandler } from '../../xml-events.js';

/** All pages together may take so many timeouts. */
const LISTING_TIME_FACTOR = 4;

/** Fetches pages until one has no next: each begins elsewhere, and all of them come in time. */
export async function* followPages<
  Start extends { readonly value: string },
  Page extends { readonly next: Start | undefined },
>(
  engine: Pick<HttpEngine, 'timeoutMs'>,
  url: URL,
  fetchPage: (start: Start | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  const limitMs = engine.timeoutMs * LISTING_TIME_FACTOR;
  const endMs = performance.now() + limitMs;
  const starts = new Set<string>();
  let start: Start | undefined;
  do {
    const page = await fetchPage(start);
    start = page.next;
    if (start !== undefined) checkProgress(url, starts, start.value);
    if (start !== undefined && performance.now() > endMs) {
      throw new TimeoutError(url, { expected: `a listing within ${limitMs / 1000} s`, found: 'more pages' });
    }
    yield page;
  } while (start !== undefined);
}

function checkProgress(url: URL, starts: Set<string>, start: string): void {
  if (starts.has(start)) {
    throw new ProtocolError('the listing has no end', url, {
      expected: 'a page that begins elsewhere',
      found: 'the same once more',
    });
  }
  starts.add(start);
}

/** Reads a document into its handler. `checkEnd` throws `MalformedXml` unless all of it was there. */
export function xmlReader<Listing extends XmlHandler & { checkEnd(): void }>(
  url: URL,
  listing: Listing,
): TextReader<Listing> {
  const events = new XmlEvents(listing);
  return {
    read: (text) =>
      readable(url, () => {
        events.read(text);
        return 0;
      }),
    end: () =>
      readable(url, () => {
        events.end();
        listing.checkEnd();
        return listing;
      }),
  };
}

function readable<Result>(url: URL, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MalformedXml)) throw error;
    const facts = { expected: error.expected, found: error.message };
    throw new ProtocolError('the listing cannot be read', url, facts);
  }
}
