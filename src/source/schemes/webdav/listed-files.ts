import { LRUCache } from 'lru-cache';

import { isWeakEtag } from '../../request.js';
import { type Metadata, UNKNOWN_LAST_MODIFIED } from '../../metadata.js';

/** What a server's properties say of a file. */
export interface FileProperties {
  readonly size: number | undefined;
  /** Milliseconds, whole seconds. */
  readonly lastModified: number | undefined;
  readonly etag: string | undefined;
}

/** Of all servers: paths and tags. */
const MAX_CHARS = 4 * 1024 * 1024;

/** By the number of the server and the path. */
export type ListedProperties = LRUCache<string, FileProperties>;

export function listedProperties(): ListedProperties {
  return new LRUCache({
    maxSize: MAX_CHARS,
    sizeCalculation: ({ etag = '' }, path) => path.length + etag.length + 16,
  });
}

/**
 * The files of the last listings, and whether the server's tags may be relied on. The tag in a listing need not be the one
 * that a read answers (RFC 4918, 15.6 wants it, and some servers do otherwise, or have none): until a read has shown that they are
 * the same, entries are without, and opening one costs a probe. That it is a file is known from here.
 */
export class ListedFiles {
  #tags: 'unknown' | 'same' | 'other' = 'unknown';
  readonly #properties: ListedProperties;
  readonly #server: number;

  constructor(properties: ListedProperties, server: number) {
    this.#properties = properties;
    this.#server = server;
  }

  /** The tag that an entry may have. */
  note(path: string, { size, lastModified, etag }: FileProperties): string | undefined {
    if (this.#tags === 'same' && isStrong(etag)) return etag;
    // A copy: as a part of the document it would keep that in memory.
    const own = etag && Buffer.from(etag, 'latin1').toString('latin1');
    this.#properties.set(this.#key(path), { size, lastModified, etag: own });
    return undefined;
  }

  get(path: string): FileProperties | undefined {
    return this.#properties.get(this.#key(path));
  }

  forget(path: string): void {
    this.#properties.delete(this.#key(path));
  }

  #key(path: string): string {
    return `${this.#server} ${path}`;
  }

  /** Compares what a listing or a query said with what a read answers a moment later. */
  compare(file: FileProperties, read: Metadata): void {
    if (!isStrong(file.etag)) return;
    const isSame = file.etag === read.etag && isSameFile(file, read);
    // What changed in between has a newer time.
    const isNewer = read.lastModified > (file.lastModified ?? Infinity);
    if (!isSame && !isNewer) this.#tags = 'other';
    // A file that is read from its start needs a probe.
    else if (isSame && read.supportRange && this.#tags === 'unknown') this.#tags = 'same';
  }
}

/** Whether a read is of the file that the properties describe, and of no page that stands for a directory. */
export function isSameFile({ size, lastModified, etag }: FileProperties, read: Metadata): boolean {
  if (size !== read.contentLength) return false;
  return lastModified === wholeSeconds(read.lastModified) || (isStrong(etag) && etag === read.etag);
}

function wholeSeconds(ms: number): number | undefined {
  return ms === UNKNOWN_LAST_MODIFIED ? undefined : ms - (ms % 1000);
}

function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !isWeakEtag(etag);
}
