import { nameOfUrl } from './layout.js';

/** What the catalog keeps of an entry. */
export interface CatalogEntry {
  readonly chargedBytes: number;
  readonly usedAtMs: number;
  /** As the index file's mtime has it. */
  readonly touchedAtMs: number;
  readonly isPinned: boolean;
}

const FIRST_SLOTS = 64;
/** The hashes in a name: of the URL, and of the version. */
const [URL_BYTES, ID_BYTES] = [16, 24];
const [OLDER, NEWER, NEXT, LINKS] = [0, 1, 2, 3];
const VALUES = 4;
/** No slot, and the ends of the list of all. */
const NONE = 0;

/**
 * Entries by name and by URL, in the order of their last use. There may be hundreds of thousands, so they lie in typed arrays, one
 * slot each of some 75 bytes, outside of V8's heap: as strings and objects they take 256.
 */
export class EntryTable {
  #ids = Buffer.alloc(0);
  #values = new Float64Array();
  #links = new Int32Array(LINKS);
  /** The first slot of those whose URL has a hash that begins so. */
  #buckets = new Int32Array(1);
  #freed: number[] = [];
  #used = 0;
  #size = 0;
  #pinnedBytes = 0;

  get size(): number {
    return this.#size;
  }

  /** What the pinned ones are charged. */
  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  has(name: string): boolean {
    return this.#find(idOf(name)) !== NONE;
  }

  get(name: string): CatalogEntry | undefined {
    const slot = this.#find(idOf(name));
    return slot === NONE ? undefined : this.#entryAt(slot);
  }

  /** It is the one that was used last. */
  set(name: string, { chargedBytes, usedAtMs, touchedAtMs, isPinned }: CatalogEntry): void {
    const id = idOf(name);
    let slot = this.#find(id);
    if (slot === NONE) slot = this.#add(id);
    else this.#unlink(slot);
    this.#countPinned(slot, -1);
    this.#values.set([chargedBytes, usedAtMs, touchedAtMs, Number(isPinned)], slot * VALUES);
    this.#countPinned(slot, 1);
    this.#link(slot);
  }

  /** Its place in the order stays. */
  mark(name: string, isPinned: boolean): void {
    const slot = this.#find(idOf(name));
    if (slot === NONE) return;
    this.#countPinned(slot, -1);
    this.#values[slot * VALUES + 3] = Number(isPinned);
    this.#countPinned(slot, 1);
  }

  #countPinned(slot: number, sign: 1 | -1): void {
    const { chargedBytes, isPinned } = this.#entryAt(slot);
    if (isPinned) this.#pinnedBytes += sign * chargedBytes;
  }

  delete(name: string): boolean {
    const id = idOf(name);
    const slot = this.#find(id);
    if (slot === NONE) return false;
    this.#unlink(slot);
    this.#leaveBucket(slot, this.#bucketOf(id));
    this.#countPinned(slot, -1);
    this.#values.fill(0, slot * VALUES, (slot + 1) * VALUES);
    this.#freed.push(slot);
    this.#size -= 1;
    return true;
  }

  /** Brings all into the order of their last use. */
  sort(): void {
    const slots: number[] = [];
    for (let slot = this.#linkAt(NONE, NEWER); slot !== NONE; slot = this.#linkAt(slot, NEWER))
      slots.push(slot);
    const usedAtMs = (slot: number): number => this.#values[slot * VALUES + 1] ?? 0;
    slots.sort((a, b) => usedAtMs(a) - usedAtMs(b));
    this.#setLink(NONE, OLDER, NONE);
    for (const slot of slots) this.#link(slot);
  }

  clear(): void {
    this.#ids = Buffer.alloc(0);
    this.#values = new Float64Array();
    this.#links = new Int32Array(LINKS);
    this.#buckets = new Int32Array(1);
    this.#freed = [];
    this.#used = this.#size = this.#pinnedBytes = 0;
  }

  /** Least recently used first. The one that was returned last may be removed, or used. */
  *entries(): Generator<[name: string, entry: CatalogEntry]> {
    for (let slot = this.#linkAt(NONE, NEWER); slot !== NONE;) {
      const newer = this.#linkAt(slot, NEWER);
      yield [this.#nameAt(slot), this.#entryAt(slot)];
      slot = newer;
    }
  }

  /** In no order, so that entries may be used, added and removed meanwhile. */
  *names(): Generator<string> {
    for (let slot = 1; slot <= this.#used; slot += 1) {
      if (this.#entryAt(slot).chargedBytes > 0) yield this.#nameAt(slot);
    }
  }

  /** The names of what is stored of a URL. */
  ofUrl(url: string): readonly string[] {
    const hash = Buffer.from(nameOfUrl(url), 'hex');
    const names: string[] = [];
    for (let slot = this.#first(hash); slot !== NONE; slot = this.#linkAt(slot, NEXT)) {
      const at = slot * ID_BYTES;
      if (this.#ids.compare(hash, 0, URL_BYTES, at, at + URL_BYTES) === 0) names.push(this.#nameAt(slot));
    }
    return names;
  }

  #find(id: Uint8Array): number {
    for (let slot = this.#first(id); slot !== NONE; slot = this.#linkAt(slot, NEXT)) {
      const at = slot * ID_BYTES;
      if (this.#ids.compare(id, 0, ID_BYTES, at, at + ID_BYTES) === 0) return slot;
    }
    return NONE;
  }

  #add(id: Uint8Array): number {
    const slot = this.#freed.pop() ?? (this.#used += 1);
    if (slot * VALUES >= this.#values.length) this.#grow();
    this.#ids.set(id, slot * ID_BYTES);
    this.#enterBucket(slot);
    this.#size += 1;
    return slot;
  }

  #grow(): void {
    const slots = Math.max(FIRST_SLOTS, (2 * this.#values.length) / VALUES);
    this.#ids = Buffer.concat([this.#ids], slots * ID_BYTES);
    this.#values = copied(this.#values, new Float64Array(slots * VALUES));
    this.#links = copied(this.#links, new Int32Array(slots * LINKS));
    this.#buckets = new Int32Array(slots);
    for (let slot = this.#linkAt(NONE, NEWER); slot !== NONE; slot = this.#linkAt(slot, NEWER)) {
      this.#enterBucket(slot);
    }
  }

  #enterBucket(slot: number): void {
    const bucket = this.#bucketOf(this.#ids.subarray(slot * ID_BYTES, (slot + 1) * ID_BYTES));
    this.#setLink(slot, NEXT, this.#buckets[bucket] ?? NONE);
    this.#buckets[bucket] = slot;
  }

  #leaveBucket(slot: number, bucket: number): void {
    const next = this.#linkAt(slot, NEXT);
    if (this.#buckets[bucket] === slot) {
      this.#buckets[bucket] = next;
      return;
    }
    let before = this.#buckets[bucket] ?? NONE;
    while (this.#linkAt(before, NEXT) !== slot) before = this.#linkAt(before, NEXT);
    this.#setLink(before, NEXT, next);
  }

  #bucketOf(hash: Uint8Array): number {
    return Buffer.from(hash.buffer, hash.byteOffset, 4).readUInt32LE(0) % this.#buckets.length;
  }

  #first(hash: Uint8Array): number {
    return this.#buckets[this.#bucketOf(hash)] ?? NONE;
  }

  #link(slot: number): void {
    const newest = this.#linkAt(NONE, OLDER);
    this.#setLink(slot, OLDER, newest);
    this.#setLink(slot, NEWER, NONE);
    this.#setLink(newest, NEWER, slot);
    this.#setLink(NONE, OLDER, slot);
  }

  #unlink(slot: number): void {
    const [older, newer] = [this.#linkAt(slot, OLDER), this.#linkAt(slot, NEWER)];
    this.#setLink(older, NEWER, newer);
    this.#setLink(newer, OLDER, older);
  }

  #linkAt(slot: number, link: number): number {
    return this.#links[slot * LINKS + link] ?? NONE;
  }

  #setLink(slot: number, link: number, to: number): void {
    this.#links[slot * LINKS + link] = to;
  }

  #entryAt(slot: number): CatalogEntry {
    const [chargedBytes = 0, usedAtMs = 0, touchedAtMs = 0, isPinned = 0] = this.#values.subarray(
      slot * VALUES,
      (slot + 1) * VALUES,
    );
    return { chargedBytes, usedAtMs, touchedAtMs, isPinned: isPinned === 1 };
  }

  #nameAt(slot: number): string {
    const at = slot * ID_BYTES;
    const url = this.#ids.toString('hex', at, at + URL_BYTES);
    return `${url}-${this.#ids.toString('hex', at + URL_BYTES, at + ID_BYTES)}`;
  }
}

/** The two hashes that a name consists of. */
function idOf(name: string): Buffer {
  return Buffer.from(name.replace('-', ''), 'hex');
}

function copied<Numbers extends Int32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}
