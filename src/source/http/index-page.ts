/**
 * Directory indexes of web servers. Only pages that are recognized as an index are parsed, and of
 * those only links that lead one level down; a size or time is taken only where the page states it exactly.
 */
import { ListingTooLong, MAX_LISTED_ENTRIES, MAX_LISTING_BYTES } from '../listing-limits.js';
import type { UrlEntry } from '../metadata.js';
import { TextPieces } from '../text-pieces.js';
import { Turns } from '../turns.js';
import type { IndexEntry } from './index-entry.js';
import { JsonIndex } from './json-index.js';
import { NginxIndex } from './nginx-index.js';

/** Reads one form of index, in pieces that end with a whole character. */
interface IndexReader {
  /** Whether it turned out to be another page: the rest need not be read. */
  readonly isOther: boolean;
  /** Returns the entries that are whole with this text. */
  read(text: string): IndexEntry[];
  end(): IndexEntry[];
}

/**
 * An index page, read as it comes: what is kept of it is its entries. Any other page has none. Throws
 * `ListingTooLong` for one that is beyond the limits. A page that names something twice has two entries of it.
 */
export class IndexPage {
  readonly #contentType: string | null;
  readonly #url: URL;
  readonly #pieces = new TextPieces();
  readonly #turns: Turns;
  readonly #entries: IndexEntry[] = [];
  #reader: IndexReader | undefined;
  #bytes = 0;

  constructor(contentType: string | null, url: URL, signal?: AbortSignal) {
    this.#turns = new Turns(signal);
    this.#contentType = contentType;
    this.#url = url;
  }

  get isOther(): boolean {
    return this.#reader?.isOther === true;
  }

  /** The memory of `chunk` is needed until this resolves. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#bytes += chunk.byteLength;
    if (this.#bytes > MAX_LISTING_BYTES) throw new ListingTooLong(`${MAX_LISTING_BYTES} bytes`);
    for (const text of this.#pieces.add(chunk)) {
      if (this.isOther) return;
      await this.#take(text, (reader) => reader.read(text));
    }
  }

  async end(): Promise<readonly UrlEntry[]> {
    const text = this.#pieces.end();
    await this.#take(text, (reader) => [...reader.read(text), ...reader.end()]);
    return this.isOther ? [] : this.#entries;
  }

  async #take(text: string, read: (reader: IndexReader) => IndexEntry[]): Promise<void> {
    this.#reader ??= this.#readerFor(text);
    const found = read(this.#reader);
    for (const entry of found) this.#entries.push(entry);
    if (this.#entries.length > MAX_LISTED_ENTRIES) throw new ListingTooLong(`${MAX_LISTED_ENTRIES} entries`);
    await this.#turns.spend(text.length, found.length);
  }

  #readerFor(text: string): IndexReader {
    const type = this.#contentType;
    const isJson = type === null ? /^\s*\[/.test(text) : /\bjson\b/i.test(type);
    return isJson ? new JsonIndex(this.#url) : new NginxIndex(this.#url);
  }
}
