import { encodeStrict } from '../../auth/canonical.js';
import type { UrlEntry } from '../../metadata.js';

/** What a listing says of an object. */
export interface ObjectRow {
  readonly key: string;
  readonly size: number | undefined;
  readonly lastModified: number | undefined;
  readonly etag: string | undefined;
}

/** An entry of a bucket's listing. Its URL is parsed on use, which is rare. */
export class ObjectEntry implements UrlEntry {
  readonly name: string;
  readonly isDir: boolean;
  readonly size: number | undefined;
  readonly lastModified: number | undefined;
  readonly etag: string | undefined;
  readonly #base: URL;

  /** `row`: undefined for a directory. `name` and `etag` are no parts of longer strings. */
  constructor(base: URL, name: string, row: ObjectRow | undefined, etag: string | undefined) {
    this.#base = base;
    this.name = name;
    this.isDir = row === undefined;
    this.size = row?.size;
    this.lastModified = row?.lastModified;
    this.etag = etag;
  }

  get url(): URL {
    return new URL(`./${this.name}${this.isDir ? '/' : ''}`, this.#base);
  }
}

/** `NAME_MAX` of Linux. */
const MAX_NAME_BYTES = 255;
/** It stands for a byte that is not UTF-8, or is half a pair of a document in JSON. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether a file can have the name: it is in UTF-8, no step of a path, and not too long. */
export function isEntryName(name: string): boolean {
  if (name === '' || name === '.' || name === '..' || name.length > MAX_NAME_BYTES) return false;
  if (name.includes('/') || name.includes('\0') || LONE_SURROGATE.test(name)) return false;
  return Buffer.byteLength(name) <= MAX_NAME_BYTES;
}

/** `row`: undefined for a directory. */
export interface NamedRow {
  readonly name: string;
  readonly row: ObjectRow | undefined;
}

/** The entries of the directory `base`. Their strings are copies. */
export function entriesOf(base: URL, rows: readonly NamedRow[]): ObjectEntry[] {
  // A part of a string keeps all of it in memory: a name would keep a piece of the document.
  const names = copies(rows.map(({ name }) => encodeStrict(name)));
  const etags = copies(rows.map(({ row }) => row?.etag ?? ''));
  return names.map((name, at) => new ObjectEntry(base, name, rows[at]?.row, etags[at] || undefined));
}

/** None has a line feed in it. */
function copies(texts: readonly string[]): string[] {
  return texts.length === 0 ? [] : texts.join('\n').split('\n');
}
