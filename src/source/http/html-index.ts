/** Any index in HTML: the links of the page, each with the text that follows it in its row. */
import { withoutReferences } from './character-references.js';
import { HtmlTags, type TagAttributes } from './html-tags.js';
import { childReference, type Columns, entriesOf, type IndexEntry, isNamedAs } from './index-entry.js';
import { type LinkRow, columnsOf } from './link-row.js';

/** A page that is no index by its heading, and has no link of which the text is the name, is read no further. */
const MAX_PREAMBLE_CHARS = 1024 * 1024;
/** nginx, Apache, lighttpd, http-server; Python; serve; serve-index; package indexes (PEP 503). */
const INDEX_TITLE =
  /^\s*(?:Index of|Directory listing (?:for|of)|Files within|listing directory|Simple index|Links for)\b/i;
/** A link that is not closed ends with what it is in. */
const CELL = /^(?:td|th|tr|li)$/;
const ROW = /^(?:tr|li)$/;
const MAX_TITLE_CHARS = 200;
const MAX_TEXT_CHARS = 1_000;
const MAX_HREF_CHARS = 4_096;

interface Link extends LinkRow {
  readonly href: string;
  /** Between its tags. */
  text: string;
}

export class HtmlIndex {
  readonly #url: URL;
  /** Of the links that are whole. */
  #references: string[] = [];
  #columns: Columns[] = [];
  readonly #tags: HtmlTags;
  #isIndex: boolean;
  /** Links of which the text is the name: those of a page without a heading that says what it is. */
  #hasNames = false;
  /** nginx's page begins with this link; its times are in UTC by default, and those of others are not. */
  #beginsWithParent: boolean | undefined;
  #preambleChars = 0;
  /** The text of the heading that is open. */
  #heading: string | undefined;
  #link: Link | undefined;
  #isIn: 'link' | 'size' | undefined;

  /** `isNginx`: that is known already, of what came before. */
  constructor(url: URL, isNginx = false) {
    this.#url = url;
    this.#isIndex = isNginx;
    if (isNginx) this.#beginsWithParent = true;
    this.#tags = new HtmlTags({
      onText: (text) => this.#onText(text),
      onOpen: (name, attributes) => this.#onOpen(name, attributes),
      onClose: (name) => this.#onClose(name),
    });
  }

  /** Whether it turned out to be another page. */
  get isOther(): boolean {
    return !this.#isIndex && !this.#hasNames && this.#preambleChars > MAX_PREAMBLE_CHARS;
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
    if (this.#heading !== undefined) this.#heading = added(this.#heading, text, MAX_TITLE_CHARS);
    const link = this.#link;
    if (link === undefined) return;
    if (this.#isIn === 'link') link.text = added(link.text, text);
    else link.after = added(link.after, text);
    if (this.#isIn === 'size') link.exactSize = added(link.exactSize ?? '', text);
  }

  #onOpen(name: string, { href, datetime }: TagAttributes): void {
    if (name === 'title' || name === 'h1') this.#heading = '';
    else if (CELL.test(name) || name === 'a') this.#endHeading();
    if (ROW.test(name)) this.#endLink();
    if (CELL.test(name)) this.#isIn = undefined;
    if (this.#link !== undefined && name === 'size') this.#isIn = 'size';
    if (this.#link !== undefined && name === 'time') this.#link.datetime ??= datetime;
    if (name !== 'a' || href === undefined) return;
    this.#endLink();
    this.#link = { href, text: '', after: '' };
    this.#isIn = 'link';
  }

  #onClose(name: string): void {
    if (name === 'title' || name === 'h1' || name === 'head') this.#endHeading();
    if (name === 'a' || name === 'size' || CELL.test(name)) this.#isIn = undefined;
    if (name === 'td' && this.#link !== undefined) this.#link.after = added(this.#link.after, ' ');
    if (ROW.test(name)) this.#endLink();
  }

  #endHeading(): void {
    if (this.#heading !== undefined) this.#isIndex ||= INDEX_TITLE.test(withoutReferences(this.#heading));
    this.#heading = undefined;
  }

  #endLink(): void {
    const link = this.#link;
    this.#link = undefined;
    this.#isIn = undefined;
    if (link === undefined || link.href.length > MAX_HREF_CHARS) return;
    this.#beginsWithParent ??= link.href === '../';
    const reference = childReference(withoutDigest(withoutReferences(link.href)), this.#url);
    if (reference === undefined) return;
    if (!this.#isIndex && !isNamedAs(reference, withoutReferences(link.text))) return;
    this.#hasNames = true;
    this.#references.push(reference);
    this.#columns.push(link.after.length > MAX_TEXT_CHARS ? {} : columnsOf(link, this.#beginsWithParent));
  }
}

/** Of a file in an index of packages (PEP 503): what else stands behind a `#` is no name of a file. */
function withoutDigest(href: string): string {
  return href.replace(/#(?:md5|sha(?:1|224|256|384|512)|blake2b)=[0-9a-f]+$/i, '');
}

/** One character more than the limit shows that there was more. */
function added(before: string, text: string, maxChars = MAX_TEXT_CHARS): string {
  return before.length > maxChars ? before : before + text.slice(0, maxChars + 1);
}
