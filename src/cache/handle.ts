import type { Readahead } from './readahead.js';
import type { OpenResource, ReadOptions, SavedVersion, Sink } from './resource-cache.js';
import type { Reader, Version } from './version.js';
import type { VersionIdentity } from './version-identity.js';

/** One open of a version. */
export class Handle implements OpenResource, Reader {
  readonly readahead: Readahead;
  readonly localFd: number | undefined;
  isStale?: true;
  readonly #version: Version;
  #isOpen = true;

  /** Of a version that is retained for it. */
  constructor(version: Version, readahead: Readahead) {
    this.#version = version;
    this.readahead = readahead;
    this.localFd = version.localFd;
  }

  get version(): VersionIdentity {
    return this.#version.identity;
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
    return this.#version.read(this, offset, length, sink, options);
  }

  head(): Uint8Array {
    return this.#version.head();
  }

  close(): void {
    if (this.#isOpen) this.#version.release(this);
    this.#isOpen = false;
  }
}
