import type { ResourceCache } from '../cache/resource-cache.js';
import { BoundedMap, stringBytes } from '../memory/bounded-map.js';
import type { MetadataBudget } from '../memory/metadata-budget.js';

/** So many files of one directory, used one by one, are worth one more request. */
const MIN_FILES = 4;
/** A directory that could not be listed is not asked again for so long. */
const ASK_AGAIN_MS = 60_000;
/** A directory, with its set of files. */
const DIRECTORY_BYTES = 300;

/**
 * A file that nobody listed is walked to twice (see `VirtualFs`), and so is each of its siblings. Where several
 * were used their directory is listed, behind what is going on: the listing tells of the others what they are.
 */
export class SiblingListing {
  readonly #cache: Pick<ResourceCache, 'list'>;
  readonly #now: () => number;
  readonly #directories: BoundedMap<Directory>;

  constructor(cache: Pick<ResourceCache, 'list'>, budget: MetadataBudget, now: () => number = Date.now) {
    this.#cache = cache;
    this.#now = now;
    this.#directories = new BoundedMap({
      budget,
      // Each of its files has a URL about as long, and is one of few.
      bytesOf: ({ files }) => DIRECTORY_BYTES + [...files].reduce((sum, url) => sum + stringBytes(url), 0),
    });
  }

  /** A name that no listing told of turned out to be a file. */
  used(fileUrl: string): void {
    const directory = fileUrl.slice(0, fileUrl.lastIndexOf('/'));
    const known = this.#directories.get(directory) ?? { files: new Set(), askedAtMs: -Infinity };
    if (this.#now() - known.askedAtMs < ASK_AGAIN_MS) return;
    known.files.add(fileUrl);
    this.#directories.set(directory, known);
    if (known.files.size < MIN_FILES) return;
    known.files.clear();
    known.askedAtMs = this.#now();
    // It was not asked for: that it fails is no failure.
    this.#cache.list(directory, undefined, 'background').catch(() => undefined);
  }
}

interface Directory {
  /** Those used since it was asked for. */
  readonly files: Set<string>;
  askedAtMs: number;
}
