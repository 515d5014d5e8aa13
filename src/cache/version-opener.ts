import { type Awaitable, chain } from '../awaitable.js';
import { ChangedError, IsDirectoryError, orAborted, SourceError } from '../source/index.js';
import type { CacheParts } from './cache-parts.js';
import { type FileMetadata, type ResourceMetadata, unverifiableOf } from './file-metadata.js';
import { Handle } from './handle.js';
import { Readahead } from './readahead.js';
import type { FileStat, OpenResource, SavedVersion, Waiter } from './resource-cache.js';

/** Opens versions of files: the current one, by a query or a listing, or one that was known before. */
export class VersionOpener {
  readonly #parts: CacheParts;

  constructor(parts: CacheParts) {
    this.#parts = parts;
  }

  /** See `ResourceCache`. */
  open(url: string, waiter?: Waiter, known?: FileStat): Awaitable<OpenResource> {
    const { table, listings } = this.#parts;
    const resource = table.of(url);
    const kept = unverifiableOf(resource.lastKnown, known);
    if (kept !== undefined) return this.#openVersion(url, kept, waiter);
    const found = listings.peekEntry(url);
    const listed = found && resource.adopt(found.entry, found.queriedAtMs);
    return listed === undefined ? this.#openCurrent(url, waiter) : this.#openListed(url, listed, waiter);
  }

  /** See `ResourceCache`. */
  async reopen(url: string, saved: SavedVersion): Promise<OpenResource> {
    // Nothing shows whether what the source has now are the same bytes.
    if (!saved.version.verifiable) throw new ChangedError(url, { expected: saved.version.id });
    return await this.#openVersion(url, { ...saved, kind: 'file' });
  }

  #openCurrent(url: string, waiter?: Waiter): Awaitable<OpenResource> {
    const { table, queries } = this.#parts;
    return chain(queries.get(table.of(url), waiter), (found) => this.#openVersion(url, found, waiter));
  }

  #openVersion(url: string, metadata: ResourceMetadata, waiter?: Waiter): Awaitable<OpenResource> {
    if (metadata.kind === 'directory') return Promise.reject(new IsDirectoryError(url));
    const version = this.#parts.table.of(url).versionOf(metadata);
    version.retain(waiter?.uid);
    const opened = (): Handle => new Handle(version, new Readahead(this.#parts.options.readahead));
    const { whenOpen } = version.stored;
    if (whenOpen === undefined) return opened();
    return orAborted(whenOpen, waiter?.signal, url).then(opened, (error: unknown) => {
      version.release();
      throw error;
    });
  }

  /**
   * A file of a block that only a listing knows is fetched at once, as by a probe: its open then has its content, and its
   * refusal.
   */
  async #openListed(url: string, file: FileMetadata, waiter?: Waiter): Promise<OpenResource> {
    const opened = await this.#openVersion(url, file, waiter);
    const { size = 0 } = file;
    const isHere = opened.localFd !== undefined || opened.head().byteLength > 0;
    if (isHere || size === 0 || size > this.#parts.options.blockBytes) return opened;
    try {
      await opened.read(0, size, () => undefined, { signal: waiter?.signal });
      return opened;
    } catch (error) {
      opened.close();
      if (error instanceof SourceError && error.code === 'CHANGED')
        return await this.#openCurrent(url, waiter);
      throw error;
    }
  }
}
