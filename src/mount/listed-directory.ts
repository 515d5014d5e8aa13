import type { OpenListing, ReadPlace, Waiter } from '../cache/resource-cache.js';
import { type DirEntry, OPEN_DIRECTORY_BYTES, type OpenDirectory } from './open-directory.js';
import { nameOfSegment } from './path-name.js';
import type { ResourcePath } from './resource-path.js';

/** Names that no path can have: how many, and one of them. */
export type OnHidden = (count: number, segment: string) => void;

/** A directory that its source lists, as far as its names can be shown. */
export class ListedDirectory implements OpenDirectory {
  readonly bytes = OPEN_DIRECTORY_BYTES;
  readonly #path: ResourcePath;
  readonly #listing: OpenListing;
  readonly #onHidden: OnHidden;
  /** The last that was found: it is asked for again where a reply has no room for it. */
  #found: DirEntry | undefined;
  /** Up to which place names were counted that cannot be shown. */
  #countedTo = 0;
  #hiddenCount = 0;
  #hiddenSegment = '';

  /** `onHidden`: called at its end, if there were any. */
  constructor(path: ResourcePath, listing: OpenListing, onHidden: OnHidden) {
    this.#path = path;
    this.#listing = listing;
    this.#onHidden = onHidden;
  }

  whenAt(place: number, waiter?: Waiter): Promise<void> | undefined {
    const wait = this.#listing.whenAt(place, waiter);
    if (wait !== undefined) return wait.then(() => this.whenAt(place, waiter));
    if (this.entryAt(place) !== undefined) return undefined;
    // All that is here cannot be shown.
    const behind = this.#endFrom(place);
    if (behind > place) return this.whenAt(behind, waiter);
    this.#reportHidden();
    return undefined;
  }

  entryAt(place: number): DirEntry | undefined {
    if (this.#found?.place === place) return this.#found;
    for (let at = place; ; at += 1) {
      const segment = this.#listing.segmentAt(at);
      if (segment === undefined) return undefined;
      const name = nameOfSegment(segment, this.#path.capabilities.queries);
      if (name !== undefined && this.#path.contains(segment)) {
        const kind = this.#listing.isDirectoryAt(at) ? 'directory' : 'file';
        return (this.#found = { name, kind, place: at });
      }
      this.#count(at, segment);
    }
  }

  readTo(place: number): ReadPlace | undefined {
    return this.#listing.readTo(place);
  }

  close(): void {
    this.#listing.close();
  }

  #endFrom(place: number): number {
    let end = place;
    while (this.#listing.segmentAt(end) !== undefined) end += 1;
    return end;
  }

  #count(place: number, segment: string): void {
    if (place < this.#countedTo) return;
    this.#countedTo = place + 1;
    this.#hiddenCount += 1;
    this.#hiddenSegment ||= segment;
  }

  #reportHidden(): void {
    if (this.#hiddenCount > 0) this.#onHidden(this.#hiddenCount, this.#hiddenSegment);
    this.#hiddenCount = 0;
  }
}
