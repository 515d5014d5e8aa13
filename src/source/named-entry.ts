import type { ContentDigest, UrlEntry } from './metadata.js';

/**
 * An entry whose URL is made when it is used: it takes longer than all the rest. A class, since V8 gives each literal with a
 * getter a hidden class of its own.
 */
export class NamedEntry implements UrlEntry {
  readonly name: string;
  readonly isDir: boolean;
  readonly size: number | undefined;
  readonly etag: string | undefined;
  readonly digest: ContentDigest | undefined;
  readonly lastModified: number | undefined;
  readonly lastModifiedPrecisionMs: number | undefined;
  readonly mode: number | undefined;
  readonly #directory: URL;

  /** `name`: encoded as in the URL. */
  constructor(directory: URL, name: string, facts: Omit<UrlEntry, 'name' | 'url'>) {
    this.#directory = directory;
    this.name = name;
    this.isDir = facts.isDir;
    this.size = facts.size;
    this.etag = facts.etag;
    this.digest = facts.digest;
    this.lastModified = facts.lastModified;
    this.lastModifiedPrecisionMs = facts.lastModifiedPrecisionMs;
    this.mode = facts.mode;
  }

  /** The directory's, where the name makes none. */
  get url(): URL {
    const { href } = this.#directory;
    const url = `${href.endsWith('/') ? href : `${href}/`}${this.name}`;
    return URL.canParse(url) ? new URL(url) : this.#directory;
  }
}
