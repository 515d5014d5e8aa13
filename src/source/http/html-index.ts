/** Any index in HTML: the links of the page, each with the text that follows it. */
import { childReference, type Columns, entriesOf, type IndexEntry } from './index-entry.js';
import { HtmlTags } from './html-tags.js';
import { dateOfNginx } from './nginx-date.js';

/** An index says so at its top. */
const MAX_PREAMBLE_CHARS = 1024 * 1024;
const INDEX_TITLE = /^\s*(Index of|Directory listing for)\b/i;
/** A link that is not closed ends with what it is in. */
const CELL = /^(?:td|th|tr|li)$/;
const MAX_TITLE_CHARS = 200;
const MAX_COLUMNS_CHARS = 1_000;
const MAX_HREF_CHARS = 4_096;

export class HtmlIndex {
  readonly #url: URL;
  /** Of the links that are whole. */
  #references: string[] = [];
  #columns: Columns[] = [];
  readonly #tags: HtmlTags;
  #isIndex: boolean;
  #preambleChars = 0;
  /** The text of the heading that is open. */
  #heading: string | undefined;
  #href: string | undefined;
  #inLink = false;
  /** What stands between the last link and the next one. */
  #after = '';

  /** `isIndex`: that is known already, of what came before. */
  constructor(url: URL, isIndex = false) {
    this.#url = url;
    this.#isIndex = isIndex;
    this.#tags = new HtmlTags({
      onText: (text) => this.#onText(text),
      onOpen: (name, href) => this.#onOpen(name, href),
      onClose: (name) => this.#onClose(name),
    });
  }

  /** Whether it turned out to be another page. */
  get isOther(): boolean {
    return !this.#isIndex && this.#preambleChars > MAX_PREAMBLE_CHARS;
  }

  /** Returns the entries that are whole with this text. */
  read(text: string): IndexEntry[] {
    if (!this.#isIndex) this.#preambleChars += text.length;
    this.#tags.read(text);
    return this.#taken();
  }

  end(): IndexEntry[] {
    this.#endLink();
    return this.#taken();
  }

  #taken(): IndexEntry[] {
    const entries = entriesOf(this.#references, this.#columns, this.#url);
    [this.#references, this.#columns] = [[], []];
    return entries;
  }

  #onText(text: string): void {
    if (this.#heading !== undefined && this.#heading.length < MAX_TITLE_CHARS) {
      this.#heading += text.slice(0, MAX_TITLE_CHARS);
    }
    if (!this.#inLink) this.#addAfter(text);
  }

  #onOpen(name: string, href: string | undefined): void {
    if (name === 'title' || name === 'h1') this.#heading = '';
    else this.#endHeading();
    if (CELL.test(name)) this.#inLink = false;
    if (name !== 'a' || href === undefined) return;
    this.#endLink();
    this.#href = href;
    this.#inLink = true;
  }

  #onClose(name: string): void {
    this.#endHeading();
    if (name === 'a' || CELL.test(name)) this.#inLink = false;
    if (name === 'td') this.#addAfter(' ');
  }

  #addAfter(text: string): void {
    if (this.#href === undefined || this.#after.length > MAX_COLUMNS_CHARS) return;
    this.#after += text.slice(0, MAX_COLUMNS_CHARS + 1);
  }

  #endHeading(): void {
    if (this.#heading !== undefined) this.#isIndex ||= INDEX_TITLE.test(this.#heading);
    this.#heading = undefined;
  }

  #endLink(): void {
    if (this.#href !== undefined && this.#isIndex && this.#href.length <= MAX_HREF_CHARS) {
      const reference = childReference(withoutReferences(this.#href), this.#url);
      if (reference !== undefined) {
        this.#references.push(reference);
        const isWhole = this.#after.length <= MAX_COLUMNS_CHARS;
        this.#columns.push(isWhole ? columnsOf(withoutReferences(this.#after)) : {});
      }
    }
    this.#href = undefined;
    this.#after = '';
  }
}

/** The columns behind a link: `23-Nov-2026 21:40   1234` (nginx, UTC), `2026-11-23 21:40  1.2K` (Apache, local time). */
function columnsOf(text: string): Columns {
  const match = /(\d{2}-[A-Z][a-z]{2}-\d{4} \d{2}:\d{2})|\d{4}-\d{2}-\d{2} \d{2}:\d{2}/.exec(text);
  if (match === null) return {};
  const size = /^\s*(\d{1,15})\s*$/.exec(text.slice(match.index + match[0].length))?.[1];
  const lastModified = match[1] === undefined ? undefined : dateOfNginx(match[1]);
  return {
    size: size === undefined ? undefined : Number(size),
    ...(lastModified === undefined ? {} : { lastModified, lastModifiedPrecisionMs: 60_000 }),
  };
}

const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
};

/** Character references that servers write. Others would be characters that URLs have no need to write so. */
function withoutReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos|nbsp));/gi,
    (_, decimal: string | undefined, hex: string | undefined, name: string | undefined) => {
      if (name !== undefined) return NAMED[name.toLowerCase()] ?? '';
      const code = decimal === undefined ? Number.parseInt(hex ?? '', 16) : Number(decimal);
      const isCharacter = code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
      return isCharacter ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
