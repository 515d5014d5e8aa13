/** Listings in pages of XML. */
import { ProtocolError, TimeoutError } from './errors.js';
import type { TextReader } from './http/http-engine.js';
import { MalformedXml, XmlEvents, type XmlHandler } from './xml-events.js';

/** Fetches pages until one has no next: each begins elsewhere. Without `limitMs` who reads them decides how long that takes. */
export async function* followPages<
  Start extends { readonly value: string },
  Page extends { readonly next: Start | undefined },
>(
  url: URL,
  fetchPage: (start: Start | undefined) => Promise<Page>,
  limitMs = Infinity,
): AsyncGenerator<Page> {
  const endMs = performance.now() + limitMs;
  let start: Start | undefined;
  // In circles it comes back to one of these (Brent): to remember all would take more memory with each page.
  let passed: string | undefined;
  let nextAfter = 1;
  for (let pages = 1; ; pages += 1) {
    const page = await fetchPage(start);
    start = page.next;
    if (start !== undefined && start.value === passed) {
      throw new ProtocolError('the listing has no end', url, {
        expected: 'a page that begins elsewhere',
        found: 'the same once more',
      });
    }
    if (start !== undefined && performance.now() > endMs) {
      throw new TimeoutError(url, { expected: `a listing within ${limitMs / 1000} s`, found: 'more pages' });
    }
    yield page;
    if (start === undefined) return;
    if (pages < nextAfter) continue;
    passed = start.value;
    nextAfter *= 2;
  }
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
