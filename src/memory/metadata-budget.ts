/**
 * One limit, in bytes, for all that is kept of names: attributes, listings, inode numbers, names that were used.
 * `BoundedMap`s share it; of whatever map it is, the entry that was used least recently is evicted. What cannot be
 * evicted at will (inodes, which the kernel has to forget first) is charged, and leaves the maps so much less.
 *
 * Sizes are estimates of what V8 takes (measured with heap snapshots), objects and slots of maps included.
 */
/** With little memory for content, what the program itself takes counts for more. */
const [SHARE, FREE_BYTES] = [1 / 4, 32 * 1024 * 1024];
const MAX_CHARGED_SHARE = 3 / 4;
/** Entries keep so much, whatever is charged: without any, each use of a name would query the source. */
const MIN_ENTRY_SHARE = 1 / 4;
const [MIN_BYTES, MAX_BYTES] = [8 * 1024 * 1024, 256 * 1024 * 1024];

export class MetadataBudget {
  readonly limitBytes: number;
  #chargedBytes = 0;
  #entryBytes = 0;
  /** The ends of the list of all entries: it begins behind this one, with the least recently used. */
  readonly #list: Links;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    const list: Links = { evict: () => undefined, bytes: 0 };
    list.older = list.newer = list;
    this.#list = list;
  }

  /** What stands beside so much memory for content. */
  static beside(contentBytes: number): MetadataBudget {
    return new MetadataBudget(Math.min(MAX_BYTES, Math.max(MIN_BYTES, (contentBytes - FREE_BYTES) * SHARE)));
  }

  get usedBytes(): number {
    return this.#chargedBytes + this.#entryBytes;
  }

  /** Something that cannot be evicted takes so much more; negative: less. */
  charge(bytes: number): void {
    this.#chargedBytes += bytes;
    if (bytes > 0) this.#evict();
  }

  /** As `charge`, unless most of the limit is charged already: then it is not. */
  tryCharge(bytes: number): boolean {
    if (this.#chargedBytes + bytes > this.limitBytes * MAX_CHARGED_SHARE) return false;
    this.charge(bytes);
    return true;
  }

  /** A new entry, which is the one that was used last. One that has no room even alone is evicted at once. */
  add(entry: Links): void {
    this.#entryBytes += entry.bytes;
    this.#link(entry);
    if (entry.bytes > this.#entryLimitBytes) entry.evict(entry);
    else this.#evict();
  }

  remove(entry: Links): void {
    this.#entryBytes -= entry.bytes;
    unlink(entry);
  }

  touch(entry: Links): void {
    if (entry === this.#list.older) return;
    unlink(entry);
    this.#link(entry);
  }

  #link(entry: Links): void {
    const newest = this.#list.older ?? this.#list;
    entry.older = newest;
    entry.newer = this.#list;
    newest.newer = entry;
    this.#list.older = entry;
  }

  get #entryLimitBytes(): number {
    return Math.max(this.limitBytes * MIN_ENTRY_SHARE, this.limitBytes - this.#chargedBytes);
  }

  #evict(): void {
    while (this.#entryBytes > this.#entryLimitBytes) {
      const oldest = this.#list.newer;
      if (oldest === undefined || oldest === this.#list) return;
      oldest.evict(oldest);
    }
  }
}

/** An entry of a map, and its place among all that share the budget. */
export interface Links {
  /** Removes it from its map. */
  readonly evict: (entry: Links) => void;
  readonly bytes: number;
  older?: Links | undefined;
  newer?: Links | undefined;
}

function unlink(entry: Links): void {
  const { older, newer } = entry;
  if (older !== undefined) older.newer = newer;
  if (newer !== undefined) newer.older = older;
  entry.older = entry.newer = undefined;
}
