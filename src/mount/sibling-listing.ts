import type { ResourceCache } from '../cache/resource-cache.js';
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** So many files of one directory, used one by one, are worth one more request. */
const MIN_FILES = 4;
/** A directory is listed at most once in this time. */
const REPEAT_AFTER_MS = 60_000;
/** A directory of so many pages that its listing takes longer is not worth it. */
const LIST_LIMIT_MS = 3_000;
/** A directory, with its set of files. */
const DIRECTORY_BYTES = 300;

/**
 * The path of a file that no listing names is looked up twice (see `NameResolver`), or costs more than the one request for
 * its content (hierarchical sources), and so does that of each sibling. Where several were used, the directory is listed in
 * the background: then the names of the others have a type.
 */
export class SiblingListing {
  readonly #cache: Pick<ResourceCache, 'prefetchListing'>;
  readonly #now: () => number;
  readonly #directories: BoundedMap<Directory>;

  constructor(
    cache: Pick<ResourceCache, 'prefetchListing'>,
    budget: MetadataBudget,
    now: () => number = Date.now,
  ) {
    this.#cache = cache;
    this.#now = now;
    this.#directories = new BoundedMap({
      budget,
      // Each of its files has a URL about as long, and is one of few.
      bytesOf: ({ files }) => DIRECTORY_BYTES + [...files].reduce((sum, url) => sum + stringBytes(url), 0),
    });
  }

  /** A name without metadata turned out to be a file. */
  used(fileUrl: string): void {
    const directory = fileUrl.slice(0, fileUrl.lastIndexOf('/'));
    const known = this.#directories.get(directory) ?? { files: new Set(), listedAtMs: -Infinity };
    if (this.#now() - known.listedAtMs < REPEAT_AFTER_MS) return;
    known.files.add(fileUrl);
    this.#directories.set(directory, known);
    if (known.files.size < MIN_FILES) return;
    known.files.clear();
    known.listedAtMs = this.#now();
    // No caller waits for it.
    this.#cache.prefetchListing(directory, AbortSignal.timeout(LIST_LIMIT_MS)).catch(() => undefined);
  }
}

interface Directory {
  /** Those used since it was listed. */
  readonly files: Set<string>;
  listedAtMs: number;
}
