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

/** Of the paths and tags together. */
const MAX_CHARS = 4 * 1024 * 1024;

/**
 * The files of the last listings, and whether the server's tags may be relied on. The tag in a listing need not be the one
 * that a read answers (RFC 4918, 15.6 wants it, and some servers do otherwise, or have none): until a read has shown that they are
 * the same, entries are without, and opening one costs a probe. That it is a file is known from here.
 */
export class ListedFiles {
  #tags: 'unknown' | 'same' | 'other' = 'unknown';
  readonly #files = new LRUCache<string, FileProperties>({
    maxSize: MAX_CHARS,
    sizeCalculation: ({ etag = '' }, path) => path.length + etag.length + 16,
  });

  /** The tag that an entry may have. */
  note(path: string, file: FileProperties): string | undefined {
    if (this.#tags === 'same' && isStrong(file.etag)) return file.etag;
    this.#files.set(path, file);
    return undefined;
  }

  get(path: string): FileProperties | undefined {
    return this.#files.get(path);
  }

  forget(path: string): void {
    this.#files.delete(path);
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

/** Whether a read is of the file that the properties describe. */
export function isSameFile({ size, lastModified }: FileProperties, read: Metadata): boolean {
  if (size !== undefined && read.contentLength >= 0 && size !== read.contentLength) return false;
  return (
    lastModified === undefined ||
    read.lastModified === UNKNOWN_LAST_MODIFIED ||
    lastModified === read.lastModified - (read.lastModified % 1000)
  );
}

function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !isWeakEtag(etag);
}
