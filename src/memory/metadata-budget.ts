/**
 * One limit, in bytes, for all that is kept of names. `BoundedMap`s share it: the least recently used entry of all is evicted. What
 * cannot be evicted at will (inodes, digests, open directories) is charged, and leaves the maps so much less. Sizes are estimates of what V8 takes,
 * by heap snapshots.
 */
/** With little memory for content, what the program itself takes counts for more. */
const [SHARE, FREE_BYTES] = [1 / 4, 32 * 1024 * 1024];
/** Of inodes, of digests, and what entries keep whatever is charged: without any, each use of a name queries the source. */
const KIND_SHARE = 1 / 3;
const [MIN_BYTES, MAX_BYTES] = [8 * 1024 * 1024, 256 * 1024 * 1024];

/** What is charged. */
export type Charge = 'inodes' | 'digests' | 'handles';

export class MetadataBudget {
  readonly limitBytes: number;
  readonly #charged = { inodes: 0, digests: 0, handles: 0 };
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

  /** Of entries, and of what is charged. */
  get keptBytes(): number {
    return this.#entryBytes + this.#chargedBytes;
  }

  /** Whether so much more of the kind stays within its share. */
  hasRoom(kind: Charge, bytes: number): boolean {
    return this.#charged[kind] + bytes <= this.limitBytes * KIND_SHARE;
  }

  /** Something that cannot be evicted takes so much more; negative: less. */
  charge(kind: Charge, bytes: number): void {
    this.#charged[kind] += bytes;
    if (bytes > 0) this.#evict();
  }

  /** A new entry, which is the one that was used last. One that has no room even alone is evicted at once. */
  add(entry: Links): void {
    this.#entryBytes += entry.bytes;
    this.#link(entry);
    this.#evictFor(entry);
  }

  remove(entry: Links): void {
    this.#entryBytes -= entry.bytes;
    unlink(entry);
  }

  touch(entry: Links): void {
    if (entry === this.#list.older || isHeld(entry)) return;
    unlink(entry);
    this.#link(entry);
  }

  /** It takes so much from now on. */
  resize(entry: Links, bytes: number): void {
    this.#entryBytes += bytes - entry.bytes;
    entry.bytes = bytes;
    if (isHeld(entry)) this.#evict();
    else this.#evictFor(entry);
  }

  /** It counts, and cannot be evicted until it is released. */
  hold(entry: Links): void {
    unlink(entry);
  }

  release(entry: Links): void {
    this.#link(entry);
    this.#evictFor(entry);
  }

  #link(entry: Links): void {
    const newest = this.#list.older ?? this.#list;
    entry.older = newest;
    entry.newer = this.#list;
    newest.newer = entry;
    this.#list.older = entry;
  }

  get #entryLimitBytes(): number {
    return Math.max(this.limitBytes * KIND_SHARE, this.limitBytes - this.#chargedBytes);
  }

  get #chargedBytes(): number {
    const { inodes, digests, handles } = this.#charged;
    return inodes + digests + handles;
  }

  #evictFor(entry: Links): void {
    if (entry.bytes > this.#entryLimitBytes) entry.evict(entry);
    else this.#evict();
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
  evict(entry: Links): void;
  bytes: number;
  older?: Links | undefined;
  newer?: Links | undefined;
}

function isHeld({ newer }: Links): boolean {
  return newer === undefined;
}

function unlink(entry: Links): void {
  const { older, newer } = entry;
  if (older !== undefined) older.newer = newer;
  if (newer !== undefined) newer.older = older;
  entry.older = entry.newer = undefined;
}
