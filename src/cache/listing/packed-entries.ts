import { canonicalSegment, type UrlEntry } from '../../source/index.js';
import type { ListedEntry } from '../resource-cache.js';
import {
  entryIn,
  type EntryRecord,
  isDirectoryRecord,
  nameIn,
  recordLimit,
  writeRecord,
} from './entry-record.js';

/** Entries that came at one time, as records one behind the other. */
interface Chunk {
  readonly firstPlace: number;
  readonly queriedAtMs: number;
  bytes: Buffer;
  usedBytes: number;
  /** Where the records begin. */
  starts: Uint16Array;
  count: number;
}

const [MIN_CHUNK_BYTES, MAX_CHUNK_BYTES] = [512, 64 * 1024];
/** A chunk itself, and its two buffers. */
const CHUNK_OVERHEAD_BYTES = 500;
/** Entries that come within this time share a chunk. */
const CHUNK_SPAN_MS = 1_000;
/** The digest of the names before every so many entries is kept. */
const MARK_ENTRIES = 64;
const MIN_SLOTS = 16;

/**
 * The entries of a listing, each at its place, in as little memory as they take. Those at the front can be dropped; the places of
 * the others stay.
 */
export class PackedEntries {
  #chunks: Chunk[] = [];
  #count = 0;
  #start = 0;
  #chunkBytes = 0;
  /**
   * Open addressing, of two numbers in each slot: the place and 1 of a name, and its digest. Those that were dropped stay until it
   * is made anew.
   */
  #index = new Uint32Array(2 * MIN_SLOTS);
  #indexed = 0;
  /** Of entries that were replaced by another of the same name: what they are by now. */
  readonly #replaced = new Map<number, Buffer>();
  /** Of all names so far. */
  #digest = 0;
  readonly #marks: number[] = [];
  #recent: Chunk | undefined;

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  /** The first place that was not dropped. */
  get start(): number {
    return this.#start;
  }

  /** What they take in memory. */
  get bytes(): number {
    return this.#chunkBytes + this.#index.byteLength + this.#marks.length * 8 + this.#replaced.size * 200;
  }

  has(place: number): boolean {
    return place >= this.#start && place < this.#count;
  }

  /** What has the name of another takes its place, unless only the other leads further. */
  add(entry: UrlEntry, queriedAtMs: number): void {
    const segment = canonicalSegment(entry.name);
    const nameDigest = digestOf(segment);
    const known = this.#find(segment, nameDigest);
    if (known === -1) this.#append(entry, nameDigest, queriedAtMs);
    else if (entry.isDir || this.isDirectoryAt(known) !== true) this.#replace(known, entry);
  }

  #append(entry: UrlEntry, nameDigest: number, queriedAtMs: number): void {
    if (this.#count % MARK_ENTRIES === 0) this.#marks.push(this.#digest);
    const chunk = this.#chunkFor(entry, queriedAtMs);
    chunk.starts[chunk.count] = chunk.usedBytes;
    chunk.usedBytes = writeRecord(chunk.bytes, chunk.usedBytes, entry);
    chunk.count += 1;
    this.#digest = combined(this.#digest, nameDigest);
    if (this.#indexed * 3 >= this.#index.length) this.#reindex();
    this.#insert(nameDigest, this.#count);
    this.#count += 1;
  }

  #replace(place: number, entry: UrlEntry): void {
    const bytes = Buffer.allocUnsafeSlow(recordLimit(entry));
    this.#replaced.set(place, bytes.subarray(0, writeRecord(bytes, 0, entry)));
  }

  /** `segment` is in its canonical form. -1: there is none. */
  placeOf(segment: string): number {
    return this.#find(segment, digestOf(segment));
  }

  #find(segment: string, nameDigest: number): number {
    const mask = this.#index.length - 2;
    for (let slot = (nameDigest << 1) & mask; ; slot = (slot + 2) & mask) {
      const place = (this.#index[slot] ?? 0) - 1;
      if (place === -1) return -1;
      if (this.#index[slot + 1] !== nameDigest || place < this.#start) continue;
      if (canonicalSegment(this.segmentAt(place) ?? '') === segment) return place;
    }
  }

  /** Undefined, as from the next three: it is not here. */
  at(place: number): ListedEntry | undefined {
    const record = this.#recordAt(place);
    return record && entryIn(record);
  }

  segmentAt(place: number): string | undefined {
    const record = this.#recordAt(place);
    return record && nameIn(record);
  }

  isDirectoryAt(place: number): boolean | undefined {
    const record = this.#recordAt(place);
    return record && isDirectoryRecord(record);
  }

  #recordAt(place: number): EntryRecord | undefined {
    const replaced = this.#replaced.size === 0 ? undefined : this.#replaced.get(place);
    if (replaced !== undefined) return { bytes: replaced, start: 0 };
    const chunk = this.#chunkOf(place);
    return chunk && { bytes: chunk.bytes, start: chunk.starts[place - chunk.firstPlace] ?? 0 };
  }

  /** When the source was queried for it. */
  queriedAtMs(place: number): number | undefined {
    return this.#chunkOf(place)?.queriedAtMs;
  }

  /** A digest of the names before the place; undefined: they are not here. */
  digestBefore(place: number): number | undefined {
    let at = place - (place % MARK_ENTRIES);
    let digest = at === this.#count ? this.#digest : this.#marks[at / MARK_ENTRIES];
    if (digest === undefined || place > this.#count || (at < place && at < this.#start)) return undefined;
    for (; at < place; at += 1) digest = combined(digest, this.#nameDigestAt(at));
    return digest;
  }

  /** Drops entries from the front, those before `place` at most, until they take no more than this. */
  drop(maxBytes: number, place: number): void {
    while (this.#chunkBytes > maxBytes) {
      const [oldest, next] = this.#chunks;
      if (oldest === undefined || next === undefined || next.firstPlace > place) break;
      this.#chunks.shift();
      this.#chunkBytes -= bytesOf(oldest);
      this.#start = next.firstPlace;
      if (this.#recent === oldest) this.#recent = undefined;
    }
    if (this.#index.length > 16 * Math.max(MIN_SLOTS, this.#count - this.#start)) this.#reindex();
    for (const replaced of this.#replaced.keys()) if (replaced < this.#start) this.#replaced.delete(replaced);
  }

  clear(): void {
    this.#chunks = [];
    this.#chunkBytes = 0;
    this.#recent = undefined;
    this.#start = this.#count;
    this.#index = new Uint32Array(2 * MIN_SLOTS);
    this.#indexed = 0;
    this.#replaced.clear();
    this.#marks.length = 0;
  }

  /** No more come: takes no more memory than it needs. */
  trim(): void {
    const last = this.#chunks.at(-1);
    if (last !== undefined) this.#trim(last);
  }

  #nameDigestAt(place: number): number {
    return digestOf(canonicalSegment(this.segmentAt(place) ?? ''));
  }

  #chunkOf(place: number): Chunk | undefined {
    if (!this.has(place)) return undefined;
    let found = this.#recent;
    if (found === undefined || place < found.firstPlace || place >= found.firstPlace + found.count) {
      let [low, high] = [0, this.#chunks.length - 1];
      while (low < high) {
        const middle = (low + high + 1) >>> 1;
        if ((this.#chunks[middle]?.firstPlace ?? 0) <= place) low = middle;
        else high = middle - 1;
      }
      found = this.#recent = this.#chunks[low];
    }
    return found;
  }

  #chunkFor(entry: UrlEntry, queriedAtMs: number): Chunk {
    const needed = recordLimit(entry);
    const last = this.#chunks.at(-1);
    const hasRoom =
      last !== undefined &&
      last.usedBytes + needed <= MAX_CHUNK_BYTES &&
      queriedAtMs - last.queriedAtMs < CHUNK_SPAN_MS;
    if (!hasRoom) {
      if (last !== undefined) this.#trim(last);
      return this.#addChunk(needed, queriedAtMs);
    }
    const old = bytesOf(last);
    if (last.usedBytes + needed > last.bytes.length) {
      const longer = Math.max(last.bytes.length * 2, last.usedBytes + needed);
      last.bytes = copyOf(last, Math.min(MAX_CHUNK_BYTES, longer));
    }
    if (last.count === last.starts.length) {
      const starts = new Uint16Array(last.count * 2);
      starts.set(last.starts);
      last.starts = starts;
    }
    this.#chunkBytes += bytesOf(last) - old;
    return last;
  }

  #addChunk(needed: number, queriedAtMs: number): Chunk {
    const isFirst = this.#chunks.length === 0;
    const chunk = {
      firstPlace: this.#count,
      queriedAtMs,
      bytes: Buffer.allocUnsafeSlow(Math.max(needed, isFirst ? MIN_CHUNK_BYTES : MAX_CHUNK_BYTES)),
      usedBytes: 0,
      starts: new Uint16Array(isFirst ? 8 : 512),
      count: 0,
    };
    this.#chunks.push(chunk);
    this.#chunkBytes += bytesOf(chunk);
    return chunk;
  }

  #trim(chunk: Chunk): void {
    if (chunk.usedBytes > chunk.bytes.length - MIN_CHUNK_BYTES) return;
    this.#chunkBytes -= bytesOf(chunk);
    chunk.bytes = copyOf(chunk, chunk.usedBytes);
    chunk.starts = chunk.starts.slice(0, chunk.count);
    this.#chunkBytes += bytesOf(chunk);
  }

  /** With room for as many again. */
  #reindex(): void {
    let slots = MIN_SLOTS;
    while (slots < (this.#count - this.#start) * 2) slots *= 2;
    const old = this.#index;
    this.#index = new Uint32Array(2 * slots);
    this.#indexed = 0;
    for (let slot = 0; slot < old.length; slot += 2) {
      const place = (old[slot] ?? 0) - 1;
      if (place >= this.#start) this.#insert(old[slot + 1] ?? 0, place);
    }
  }

  #insert(nameDigest: number, place: number): void {
    const mask = this.#index.length - 2;
    let slot = (nameDigest << 1) & mask;
    while (this.#index[slot] !== 0) slot = (slot + 2) & mask;
    this.#index[slot] = place + 1;
    this.#index[slot + 1] = nameDigest;
    this.#indexed += 1;
  }
}

function bytesOf({ bytes, starts }: Chunk): number {
  return bytes.length + starts.byteLength + CHUNK_OVERHEAD_BYTES;
}

function copyOf({ bytes, usedBytes }: Chunk, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length);
  bytes.copy(copy, 0, 0, usedBytes);
  return copy;
}

/** FNV-1a. */
function digestOf(name: string): number {
  let digest = 0x811c9dc5;
  for (let i = 0; i < name.length; i += 1) digest = Math.imul(digest ^ name.charCodeAt(i), 0x01000193);
  return (digest ^ (digest >>> 15)) >>> 0;
}

/** Of names in their order. */
function combined(digest: number, nameDigest: number): number {
  return Math.imul(((digest << 5) | (digest >>> 27)) ^ nameDigest, 0x9e3779b1) >>> 0;
}
