import { percentDecoded, percentEncodedToAscii } from '../byte-text.js';
import type { UrlEntry } from '../metadata.js';

/** What an index page has of an entry besides its name. */
export interface Columns {
  readonly size?: number | undefined;
  readonly lastModified?: number | undefined;
  readonly lastModifiedPrecisionMs?: number | undefined;
}

/** An entry of an index page. Its URL is parsed on use, which is rare. */
export class IndexEntry implements UrlEntry {
  readonly name: string;
  readonly isDir: boolean;
  readonly size: number | undefined;
  readonly lastModified: number | undefined;
  readonly lastModifiedPrecisionMs: number | undefined;
  readonly #base: URL;

  private constructor(name: string, isDir: boolean, base: URL, columns: Columns) {
    this.name = name;
    this.isDir = isDir;
    this.size = isDir ? undefined : columns.size;
    this.lastModified = columns.lastModified;
    this.lastModifiedPrecisionMs = columns.lastModifiedPrecisionMs;
    this.#base = base;
  }

  /** `reference`: the name; of a directory, with a slash. */
  static of(reference: string, base: URL, columns: Columns): IndexEntry {
    const isDir = reference.endsWith('/');
    return new IndexEntry(isDir ? reference.slice(0, -1) : reference, isDir, base, columns);
  }

  get url(): URL {
    return new URL(`./${this.name}${this.isDir ? '/' : ''}`, this.#base);
  }
}

/** A reference that resolves to itself, one level below: no scheme, no step, nothing to be encoded. */
const PLAIN_REFERENCE = /^(?!(?:\.|%2e){1,2}\/?$)[\w\-.~!$&'()*+,;=@%]+\/?$/i;

/** The entries of a piece of a page. Their names are copies: a part of a string keeps all of it in memory. */
export function entriesOf(
  references: readonly string[],
  columns: readonly Columns[],
  base: URL,
): IndexEntry[] {
  if (references.length === 0) return [];
  const copies = references.join('\n').split('\n');
  return copies.map((reference, row) => IndexEntry.of(reference, base, columns[row] ?? {}));
}

/** A name has at most 255 bytes: what is longer can be neither shown nor used. */
const MAX_REFERENCE_CHARS = 255 * '%XX'.length + '/'.length;

/** The path from `base` to where the link of its page leads; undefined unless that is one level below. */
export function childReference(href: string, base: URL): string | undefined {
  const reference = resolvedReference(href, base);
  return reference === undefined || reference.length > MAX_REFERENCE_CHARS ? undefined : reference;
}

function resolvedReference(href: string, base: URL): string | undefined {
  if (PLAIN_REFERENCE.test(href) && base.pathname.endsWith('/')) return href;
  const reference = percentEncodedToAscii(href);
  if (!URL.canParse(reference, base.href)) return undefined;
  const url = new URL(reference, base);
  if (url.origin !== base.origin || url.search !== '' || url.hash !== '') return undefined;
  if (!url.pathname.startsWith(base.pathname)) return undefined;
  const rest = url.pathname.slice(base.pathname.length);
  const name = rest.endsWith('/') ? rest.slice(0, -1) : rest;
  return name === '' || name.includes('/') ? undefined : rest;
}

/** Whether a link shows the name that it leads to: a page writes bytes that are not UTF-8 as U+FFFD. */
export function isNamedAs(reference: string, text: string): boolean {
  return comparable(percentDecoded(reference)) === comparable(text);
}

function comparable(name: string): string {
  const shown = name.replaceAll(/[\udc80-\udcff\ufffd]+/gu, '\ufffd').trim();
  return shown.endsWith('/') ? shown.slice(0, -1) : shown;
}
