import { LRUCache } from 'lru-cache';

import type { ResourceCache } from '../cache/resource-cache.js';

/** So many files of one directory, used one by one, are worth one more request. */
const MIN_FILES = 4;
/** A directory that could not be listed is not asked again for so long. */
const ASK_AGAIN_MS = 60_000;
const MAX_DIRECTORIES = 1_000;

/**
 * A file that nobody listed is walked to twice (see `VirtualFs`), and so is each of its siblings. Where several
 * were used their directory is listed, behind what is going on: the listing tells of the others what they are.
 */
export class SiblingListing {
  readonly #cache: Pick<ResourceCache, 'list'>;
  readonly #now: () => number;
  readonly #directories = new LRUCache<string, Directory>({ max: MAX_DIRECTORIES });

  constructor(cache: Pick<ResourceCache, 'list'>, now: () => number = Date.now) {
    this.#cache = cache;
    this.#now = now;
  }

  /** A name that no listing told of turned out to be a file. */
  used(fileUrl: string): void {
    const directory = fileUrl.slice(0, fileUrl.lastIndexOf('/'));
    const known = this.#directories.get(directory) ?? { files: new Set(), askedAtMs: -Infinity };
    this.#directories.set(directory, known);
    if (this.#now() - known.askedAtMs < ASK_AGAIN_MS) return;
    known.files.add(fileUrl);
    if (known.files.size < MIN_FILES) return;
    known.files.clear();
    known.askedAtMs = this.#now();
    // It was not asked for: that it fails is no failure.
    this.#cache.list(directory).catch(() => undefined);
  }
}

interface Directory {
  /** Those used since it was asked for. */
  readonly files: Set<string>;
  askedAtMs: number;
}
