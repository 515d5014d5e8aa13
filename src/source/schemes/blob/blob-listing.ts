/** One page of "List Blobs" or "List Containers": `EnumerationResults`. */
import { percentDecoded } from '../../byte-text.js';
import { parseHttpDate } from '../../http/http-date.js';
import { MalformedXml, type XmlHandler } from '../../xml-events.js';
import { checkRowCount, ListedFields } from '../bucket/listed-fields.js';
import type { ObjectRow } from '../bucket/object-entry.js';
import { type ListedKey, type PageEntries, pageEntries } from '../bucket/page-entries.js';

export interface BlobPage extends PageEntries {
  /** With those that are no entries: a directory that has only its marker is one. */
  readonly keys: number;
  /** The marker is opaque. Undefined: this page is the last. */
  readonly next: { readonly value: string } | undefined;
}

const MAX_ETAG_CHARS = 1_024;
/** The elements of the pages that make entries. */
const DIRECTORIES = new Set(['BlobPrefix', 'Container']);

export class BlobListing implements XmlHandler {
  readonly #objects: ObjectRow[] = [];
  readonly #directories: string[] = [];
  /** Of the row that is open, in lower case: `name`, and `properties/etag`. A writer may call metadata as he likes. */
  #row = new ListedFields();
  #section = '';
  #isNameEncoded = false;
  #nextMarker: string | undefined;

  onOpen(name: string, depth: number, attributes: Readonly<Record<string, string>>): void {
    if (depth === 1 && name !== 'EnumerationResults') throw new MalformedXml('EnumerationResults', name);
    if (depth === 3) [this.#row, this.#isNameEncoded] = [new ListedFields(), false];
    if (depth === 4) this.#section = name.toLowerCase();
    if (depth === 4 && name === 'Name') this.#isNameEncoded = attributes['Encoded'] === 'true';
  }

  onClose(name: string, text: string, depth: number): void {
    if (depth === 2 && name === 'NextMarker') this.#nextMarker = text;
    if (depth === 4) this.#row.set(name.toLowerCase(), text);
    if (depth === 5) this.#row.set(`${this.#section}/${name.toLowerCase()}`, text);
    if (depth !== 3) return;
    const written = this.#row.get('name') ?? '';
    const key = this.#isNameEncoded ? percentDecoded(written) : written;
    if (DIRECTORIES.has(name)) this.#directories.push(key);
    else if (name === 'Blob') this.#addBlob(key);
    checkRowCount(this.#objects.length + this.#directories.length);
  }

  /** Of a document that is whole the marker stands at the end, if only as an empty element. */
  checkEnd(): void {
    if (this.#nextMarker === undefined) throw new MalformedXml('a NextMarker', 'none');
  }

  async page(base: URL, prefix: string, signal: AbortSignal | undefined): Promise<BlobPage> {
    const value = this.#nextMarker ?? '';
    return {
      ...(await pageEntries(this.#keys(), base, prefix, signal)),
      keys: this.#objects.length + this.#directories.length,
      next: value === '' ? undefined : { value },
    };
  }

  *#keys(): Generator<ListedKey> {
    // A blob whose name ends with a slash marks a directory that is listed, or the one that lists.
    for (const row of this.#objects) if (!row.key.endsWith('/')) yield { key: row.key, row };
    for (const key of this.#directories) yield { key, row: undefined };
  }

  #addBlob(key: string): void {
    const row = this.#row;
    // Namespaces mark directories by their type, and tools that need some by metadata.
    const isDirectory =
      row.get('properties/resourcetype') === 'directory' || row.get('metadata/hdi_isfolder') === 'true';
    if (isDirectory) this.#directories.push(key);
    else this.#objects.push(rowOf(key, row));
  }
}

function rowOf(key: string, fields: ReadonlyMap<string, string>): ObjectRow {
  const size = fields.get('properties/content-length') ?? '';
  const timeMs = parseHttpDate(fields.get('properties/last-modified') ?? '');
  const written = fields.get('properties/etag') ?? '';
  // A read answers it in quotes.
  const etag = written.startsWith('"') ? written : `"${written}"`;
  return {
    key,
    size: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    lastModified: Number.isNaN(timeMs) ? undefined : timeMs,
    etag: /^"[\x21\x23-\x7e]+"$/.test(etag) && etag.length <= MAX_ETAG_CHARS ? etag : undefined,
  };
}
