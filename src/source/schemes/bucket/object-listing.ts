/** One page of a bucket's listing: `ListBucketResult` of `GET /?list-type=2` and of its first version. */
import { MalformedXml, type XmlHandler } from '../../xml-events.js';
import { checkRowCount, ListedFields } from './listed-fields.js';
import type { ObjectRow } from './object-entry.js';
import { type ObjectError, objectErrorOf } from './object-error.js';
import { decodedForm } from './object-key.js';
import { type ListedKey, type PageEntries, pageEntries } from './page-entries.js';

/** Where the next page begins: a token of version 2, which is opaque, or a marker of version 1, which is a key. */
export interface PageStart {
  readonly by: 'token' | 'marker';
  readonly value: string;
}

export interface ListingPage extends PageEntries {
  /** With those that are no entries: a directory that has only its marker is one. */
  readonly keys: number;
  /** Undefined: this page is the last. */
  readonly next: PageStart | undefined;
}

const MAX_ETAG_CHARS = 1_024;

/** Of a row, as they are written. */
interface RowFields {
  key: string;
  size: string;
  lastModified: string;
  etag: string;
  prefix: string;
}

const NO_FIELDS: Readonly<RowFields> = { key: '', size: '', lastModified: '', etag: '', prefix: '' };

/** Handles the events of the document, and makes the page of them. */
export class ObjectListing implements XmlHandler {
  /** Of the root, by name. */
  readonly #fields = new ListedFields();
  /** The row that is open. */
  #row: RowFields = { ...NO_FIELDS };
  /** As they are written: whether they are encoded may be said behind them. */
  readonly #objects: ObjectRow[] = [];
  readonly #prefixes: string[] = [];
  #isError = false;

  onOpen(name: string, depth: number): void {
    if (depth === 2) this.#row = { ...NO_FIELDS };
    if (depth !== 1) return;
    this.#isError = name === 'Error';
    if (!this.#isError && name !== 'ListBucketResult') throw new MalformedXml('a ListBucketResult', name);
  }

  onClose(name: string, text: string, depth: number): void {
    if (depth === 3) setField(this.#row, name, text);
    if (depth !== 2) return;
    if (name === 'Contents') this.#objects.push(rowOf(this.#row));
    else if (name === 'CommonPrefixes') this.#prefixes.push(this.#row.prefix);
    else this.#fields.set(name, text);
    checkRowCount(this.#objects.length + this.#prefixes.length);
  }

  /** The document is an error: some servers send it with status 200. */
  get error(): ObjectError | undefined {
    return this.#isError ? objectErrorOf(this.#fields) : undefined;
  }

  /** Throws if it is a page that does not say where the next one begins. */
  checkEnd(): void {
    this.#next();
  }

  /** `prefix`: that of the directory `base`. */
  async page(base: URL, prefix: string, signal: AbortSignal | undefined): Promise<ListingPage> {
    const listed = await pageEntries(this.#keys(), base, prefix, signal);
    const keys = this.#objects.length + this.#prefixes.length;
    return { ...listed, keys, next: this.#next() };
  }

  *#keys(): Generator<ListedKey> {
    for (const row of this.#objects) yield { key: this.#decoded(row.key), row };
    for (const prefix of this.#prefixes) yield { key: this.#decoded(prefix), row: undefined };
  }

  /** Only what says that it is encoded is decoded: in another a `%41` is a part of the key. */
  #decoded(text: string): string {
    return this.#fields.get('EncodingType')?.toLowerCase() === 'url' ? decodedForm(text) : text;
  }

  #next(): PageStart | undefined {
    if (this.#fields.get('IsTruncated')?.trim() !== 'true') return undefined;
    const token = this.#fields.get('NextContinuationToken');
    if (token !== undefined && token !== '') return { by: 'token', value: token };
    // A server that does not know version 2 answers with version 1.
    const marker = this.#decoded(this.#fields.get('NextMarker') ?? '') || this.#lastKey();
    if (this.#fields.has('KeyCount') || marker === '') {
      throw new MalformedXml('where the next page begins', 'a page that is truncated, without that');
    }
    return { by: 'marker', value: marker };
  }

  #lastKey(): string {
    const object = this.#decoded(this.#objects.at(-1)?.key ?? '');
    const prefix = this.#decoded(this.#prefixes.at(-1) ?? '');
    // Stores sort by bytes.
    return Buffer.compare(Buffer.from(object), Buffer.from(prefix)) > 0 ? object : prefix;
  }
}

/** Not by name in a map: a page has thousands. */
function setField(row: RowFields, name: string, text: string): void {
  if (name === 'Key') row.key = text;
  else if (name === 'Size') row.size = text;
  else if (name === 'ETag') row.etag = text;
  else if (name === 'LastModified') row.lastModified = text;
  else if (name === 'Prefix') row.prefix = text;
}

function rowOf({ key, size, lastModified, etag }: RowFields): ObjectRow {
  const timeMs = Date.parse(lastModified);
  return {
    key,
    size: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    // Whole seconds: a read has no more than those, and its time must be the same.
    lastModified: Number.isNaN(timeMs) ? undefined : timeMs - (timeMs % 1000),
    // A tag without quotes may have some in a read, and a wrong one would make each read fail.
    etag: /^(?:W\/)?"[\x21\x23-\x7e]+"$/.test(etag) && etag.length <= MAX_ETAG_CHARS ? etag : undefined,
  };
}
