import type { Readahead } from './readahead.js';
import type { OpenResource, ReadOptions, Sink } from './resource-cache.js';
import type { SavedVersion } from './saved-version.js';
import type { Reader, Version } from './version.js';
import type { VersionIdentity } from './version-identity.js';

/** One version of a file, open, with a readahead of its own. A class for the sake of its getters, as `ResourceFile`. */
export class OpenVersion implements OpenResource {
  readonly version: VersionIdentity;
  readonly localFd: number | undefined;
  readonly #version: Version;
  readonly #me: Reader;
  #isOpen = true;

  constructor(version: Version, readahead: Readahead) {
    this.#version = version;
    this.#me = { readahead };
    this.version = version.file.version;
    this.localFd = version.localFd;
  }

  get saved(): SavedVersion {
    return { ...this.#version.file, size: this.#version.size };
  }

  get size(): number | undefined {
    return this.#version.size;
  }

  whenSizeKnown(signal?: AbortSignal): Promise<number> {
    return this.#version.whenSizeKnown(signal);
  }

  read<Result>(offset: number, length: number, sink: Sink<Result>, options?: ReadOptions): Promise<Result> {
    return this.#version.read(this.#me, offset, length, sink, options);
  }

  head(): Uint8Array {
    return this.#version.head();
  }

  close(): void {
    if (this.#isOpen) this.#version.release(this.#me);
    this.#isOpen = false;
  }
}
