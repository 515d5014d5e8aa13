import { type FoundSegment, scanSegments } from './scan.js';
import { touchSegment, unlinkSegment } from './segment-files.js';
import { SegmentTable } from './segment-table.js';
import { PinnedSegments } from './pinned-segments.js';
import type { Pins } from './pins.js';
import type { Space } from './space.js';
import type { RateLimitedLog } from './rate-limited-log.js';

/** The time of last use is written to disk at most this often for one segment. */
const TOUCH_EVERY_MS = 5_000;
/** The inode itself (of ext4) holds this many extents; a block of the file system this many more. */
const [INODE_EXTENTS, EXTENTS_PER_BLOCK, EXTENT_BLOCK_BYTES] = [4, 256, 4096];

export interface CatalogOptions {
  readonly root: string;
  readonly blockBytes: number;
  readonly space: Space;
  readonly pins: Pins;
  readonly warnings: RateLimitedLog;
  readonly use: SegmentUse;
}

export interface SegmentUse {
  /** Of the segment's header; undefined: it is gone, or cannot be read. */
  urlOf(name: string): Promise<string | undefined>;
  /** The descriptor of the segment's data was handed out: removing the file would free nothing. */
  isHeld(name: string): boolean;
  /** The segment is being removed. Resolves when its descriptors are closed. */
  detach(name: string): Promise<void>;
}

/** All stored segments, in the order of their last use; kept by the writer, in its semaphore of changes. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #segments = new SegmentTable();
  readonly pinned: PinnedSegments;
  #clockMs = -Infinity;
  #isScanned = false;
  /** There are others' files, which may have a segment's name. */
  #hasStrays = false;
  evictedBytes = 0;
  #isAbandoned = false;
  /** Resolves when the directory was scanned; false: that failed, and nothing is to be changed. */
  readonly ready: Promise<boolean>;

  constructor(options: CatalogOptions) {
    this.#options = options;
    const { root, pins, use } = options;
    this.pinned = new PinnedSegments({
      root,
      segments: this.#segments,
      pins,
      urlOf: (name) => use.urlOf(name),
    });
    this.ready = this.#scan();
  }

  get usedBytes(): number {
    return this.#options.space.usedBytes;
  }

  get freeBytes(): number | undefined {
    return this.#options.space.freeBytes;
  }

  has(name: string): boolean {
    return this.#segments.has(name);
  }

  /** False: certainly nothing is stored of the URL. */
  mayHave(url: string): boolean {
    return !this.#isScanned || this.#segments.ofUrl(url).length > 0;
  }

  /** Certainly nothing is stored under the name. */
  isMissing(name: string): boolean {
    return this.#isScanned && !this.#hasStrays && !this.#segments.has(name);
  }

  /** The segments of the URL; undefined: not known yet. */
  segmentsOf(url: string): readonly string[] | undefined {
    return this.#isScanned ? this.#segments.ofUrl(url) : undefined;
  }

  /** The segment was used just now. The time, if it is to be written to the index file. */
  use(name: string): number | undefined {
    const entry = this.#segments.get(name);
    if (entry === undefined) return undefined;
    const usedAtMs = this.#now();
    const isDue = usedAtMs - entry.touchedAtMs >= TOUCH_EVERY_MS;
    this.#segments.set(name, { ...entry, usedAtMs, ...(isDue ? { touchedAtMs: usedAtMs } : {}) });
    return isDue ? usedAtMs : undefined;
  }

  /** Of its header. */
  urlOf(name: string): Promise<string | undefined> {
    return this.#options.use.urlOf(name);
  }

  /** What its files allocate. */
  bytesOf(name: string): number {
    return this.#segments.get(name)?.chargedBytes ?? 0;
  }

  usedAtMs(name: string): number {
    return this.#segments.get(name)?.usedAtMs ?? this.#now();
  }

  /** Leaves all times of last use on disk, when nothing changes any more. Never rejects. */
  async writeTimesOfUse(): Promise<void> {
    const { root, warnings } = this.#options;
    try {
      for (const [name, { usedAtMs, touchedAtMs }] of this.#segments.entries()) {
        if (usedAtMs > touchedAtMs) await touchSegment(root, name, usedAtMs);
      }
    } catch (error) {
      warnings.warn('cannot note the use of a stored segment', error);
    }
  }

  /** Evicts until `bytes` more fit; never `keep`. False: they do not. */
  async makeRoom(bytes: number, keep?: string): Promise<boolean> {
    if (!(await this.ready)) return false;
    const { space, pins } = this.#options;
    if ((await space.shortBytes(bytes)) > 0) await pins.refresh();
    while ((await space.shortBytes(bytes)) > 0) {
      // All that is left is pinned: a segment counts as a block at least.
      if (this.usedBytes - this.pinned.bytes < this.#options.blockBytes) return false;
      const victim = await this.#victim(keep);
      if (victim === undefined) return false;
      const victimBytes = this.bytesOf(victim);
      if (await this.remove(victim)) {
        this.evictedBytes += victimBytes;
        continue;
      }
      this.#postpone(victim);
      return false;
    }
    return true;
  }

  /** One that cannot be removed must not be the next to be evicted, or nothing ever is. */
  #postpone(name: string): void {
    const entry = this.#segments.get(name);
    if (entry !== undefined) this.#segments.set(name, entry);
  }

  /** What the segment's files allocate after a write to them. */
  settle(name: string, allocatedBytes: number, url: string): void {
    const chargedBytes = chargeOf(allocatedBytes, this.#options.blockBytes);
    const now = this.#now();
    this.#options.space.usedBytes += chargedBytes - (this.#segments.get(name)?.chargedBytes ?? 0);
    this.pinned.forget(name);
    this.#segments.set(name, { chargedBytes, usedAtMs: now, touchedAtMs: now, pinMark: 0 });
    this.pinned.note(name, url);
  }

  /**
   * Removes the files, whether they are in the catalog or not. What they allocate is free when they are
   * closed too, which this waits for only if no caller was handed a descriptor.
   */
  async remove(name: string): Promise<boolean> {
    if (!(await this.ready)) return false;
    const { root, space, warnings, use } = this.#options;
    const wasHeld = use.isHeld(name);
    const detached = use.detach(name);
    try {
      await unlinkSegment(root, name);
    } catch (error) {
      warnings.warn('cannot remove a stored segment', error);
      return false;
    }
    const chargedBytes = this.#segments.get(name)?.chargedBytes ?? 0;
    this.pinned.forget(name);
    this.#segments.delete(name);
    const released = detached.then(() => {
      space.usedBytes -= chargedBytes;
    });
    if (!wasHeld) await released;
    return true;
  }

  /** What its files may allocate in all. */
  capacityBytes(): Promise<number> {
    return this.#options.space.capacityBytes();
  }

  /** A write failed for want of room. */
  noteFull(): void {
    this.#options.space.noteFull();
  }

  /** This process is no longer the writer. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#isScanned = false;
    this.#segments.clear();
  }

  /** The one used longest ago that is not pinned. Those that are pinned go to the end, where they are met last. */
  async #victim(keep: string | undefined): Promise<string | undefined> {
    for (let left = this.#segments.size; left > 0; left -= 1) {
      const name = this.#oldest(keep);
      if (name === undefined || !(await this.pinned.has(name))) return name;
      this.#postpone(name);
    }
    return undefined;
  }

  #oldest(keep: string | undefined): string | undefined {
    for (const [name] of this.#segments.entries()) {
      if (name !== keep && !this.#options.use.isHeld(name)) return name;
    }
    return undefined;
  }

  async #scan(): Promise<boolean> {
    const { root, space, warnings } = this.#options;
    let foundBytes = 0;
    try {
      await scanSegments(
        root,
        () => !this.#isAbandoned,
        (segment) => {
          if (!this.#isAbandoned) foundBytes += this.#add(segment);
        },
        (path, error) => {
          this.#hasStrays = true;
          warnings.warn('left alone what is not of the cache', error, { path });
        },
      );
      this.#segments.sort();
      space.usedBytes += foundBytes;
      this.#isScanned = !this.#isAbandoned;
      await this.#options.pins.refresh();
      void this.pinned.markAll();
    } catch (error) {
      warnings.warn('cannot scan the directory', error);
    }
    return this.#isScanned;
  }

  #add({ name, allocatedBytes, usedAtMs }: FoundSegment): number {
    const chargedBytes = chargeOf(allocatedBytes, this.#options.blockBytes);
    this.#segments.set(name, { chargedBytes, usedAtMs, touchedAtMs: usedAtMs, pinMark: 0 });
    return chargedBytes;
  }

  /** Strictly increasing, so that the order survives as times. */
  #now(): number {
    this.#clockMs = Math.max(Date.now(), this.#clockMs + 0.01);
    return this.#clockMs;
  }
}

/**
 * File systems allocate blocks for the list of extents too, and report them late. At worst each block is an
 * extent of its own. A segment counts as a block at least: it takes memory of ours too.
 */
export function chargeOf(allocatedBytes: number, blockBytes: number): number {
  const extents = allocatedBytes / blockBytes;
  const extentBlocks = extents > INODE_EXTENTS ? 1 + Math.ceil(extents / EXTENTS_PER_BLOCK) : 0;
  return Math.max(blockBytes, allocatedBytes + extentBlocks * EXTENT_BLOCK_BYTES);
}
