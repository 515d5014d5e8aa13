/** The answer to PROPFIND: `multistatus` (RFC 4918, 13). */
import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../listing-limits.js';
import type { ContentDigest } from '../../metadata.js';
import { MalformedXml, type XmlHandler } from '../../xml-events.js';
import { checksumDigest } from './checksum-digest.js';
import type { FileProperties } from './listed-files.js';
import { parseWebdavDate } from './webdav-date.js';

/** What it says of one resource. */
export interface ResourceRow extends FileProperties {
  /** As it stands there. */
  readonly href: string;
  readonly isDirectory: boolean;
  readonly digest: ContentDigest | undefined;
}

/** The properties that are requested, which most servers have at hand, and those that are used if they come all the same. */
const PROPERTIES = new Set([
  'resourcetype',
  'iscollection',
  'getcontentlength',
  'getlastmodified',
  'getetag',
  'checksums',
]);
/** Of the elements, counted from the root. */
const [RESPONSE, PART, PROPERTY, TYPE] = [2, 3, 5, 6];
const MAX_ETAG_CHARS = 1_024;
const SUCCESS = /^\s*HTTP\/\d(?:\.\d)?\s+2\d\d/i;
const FAILURE = /^\s*HTTP\/\d(?:\.\d)?\s+[1345]\d\d/i;

export class Multistatus implements XmlHandler {
  readonly #onRow: (row: ResourceRow) => void;
  #count = 0;
  /** Of the response that is open: what its successful parts say. */
  #href: string | undefined;
  #properties = new Map<string, string>();
  #isRefused = false;
  /** Of the `propstat` that is open. */
  #part = new Map<string, string>();
  #isPartRefused = false;

  constructor(onRow: (row: ResourceRow) => void) {
    this.#onRow = onRow;
  }

  onOpen(name: string, depth: number): void {
    if (depth === 1 && name !== 'multistatus') throw new MalformedXml('a multistatus', name);
    if (depth === RESPONSE) {
      this.#href = undefined;
      this.#properties = new Map();
      this.#isRefused = false;
    }
    if (depth === PART) [this.#part, this.#isPartRefused] = [new Map(), false];
    if (depth === TYPE && name === 'collection') this.#part.set('collection', '');
  }

  onClose(name: string, text: string, depth: number): void {
    if (depth === PROPERTY && PROPERTIES.has(name)) this.#part.set(name, text);
    // In ownCloud's checksums there is an element for each.
    if (depth === TYPE && name === 'checksum') this.#part.set('checksum', text);
    if (depth === PART + 1 && name === 'status') this.#isPartRefused = FAILURE.test(text);
    if (depth === PART) this.#closePart(name, text);
    if (depth === RESPONSE && name === 'response') this.#closeResponse();
  }

  #closePart(name: string, text: string): void {
    if (name === 'href') this.#href ??= text;
    if (name === 'status') this.#isRefused = !SUCCESS.test(text);
    if (name !== 'propstat' || this.#isPartRefused) return;
    for (const [property, value] of this.#part) this.#properties.set(property, value);
  }

  #closeResponse(): void {
    const href = this.#href;
    if (href === undefined || this.#isRefused) return;
    this.#count += 1;
    if (this.#count > MAX_LISTED_ENTRIES) throw new ListingTooLong(`${MAX_LISTED_ENTRIES} entries`);
    this.#onRow(rowOf(href, this.#properties));
  }
}

function rowOf(href: string, properties: ReadonlyMap<string, string>): ResourceRow {
  const size = properties.get('getcontentlength')?.trim() ?? '';
  const checksums = `${properties.get('checksums') ?? ''} ${properties.get('checksum') ?? ''}`;
  return {
    href,
    isDirectory:
      properties.has('collection') ||
      /^\s*(?:1|true|t)\s*$/i.test(properties.get('iscollection') ?? '') ||
      // Of what may not be looked at, only the name is there.
      (properties.size === 0 && /\/\s*$/.test(href)),
    size: /^\d{1,15}$/.test(size) ? Number(size) : undefined,
    lastModified: parseWebdavDate(properties.get('getlastmodified') ?? ''),
    etag: entityTag(properties.get('getetag')?.trim() ?? ''),
    digest: checksumDigest(checksums),
  };
}

/** Some servers leave the quotes out here, and not in the header of a read. */
function entityTag(text: string): string | undefined {
  if (text.length > MAX_ETAG_CHARS) return undefined;
  if (/^[\x21\x23-\x7e]+$/.test(text)) return `"${text}"`;
  return /^(?:W\/)?"[\x21\x23-\x7e]+"$/.test(text) ? text : undefined;
}
