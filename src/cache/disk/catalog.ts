import { readdir } from 'node:fs/promises';

import { DiskJobError, type DiskThread } from './disk-thread.js';
import { EntryTable } from './entry-table.js';
import { chargeOf } from './geometry.js';
import { isReserved } from './layout.js';
import { PinMarks } from './pin-marks.js';
import type { Pins } from './pins.js';
import type { RateLimitedLog } from './rate-limited-log.js';
import { Semaphore } from './semaphore.js';
import type { Space } from './space.js';
import type { ShardEntries } from './worker/scan-shard.js';

/** The time of last use is written to disk at most this often for one entry. */
const TOUCH_EVERY_MS = 5_000;

export interface CatalogOptions {
  readonly root: string;
  readonly blockBytes: number;
  readonly space: Space;
  readonly pins: Pins;
  readonly warnings: RateLimitedLog;
  readonly thread: DiskThread;
  /** By name. */
  readonly open: ReadonlyMap<string, OpenEntry>;
  /** Of the entry's header; undefined: it is gone, or cannot be read. */
  readonly urlOf: (name: string) => Promise<string | undefined>;
}

/** What the catalog must know of an entry that is open. */
export interface OpenEntry {
  /** The descriptor of the entry's data was handed out: removing the file would free nothing. */
  readonly isHeld: boolean;
  /** It is being written: removing it, or a part of it, would lose that. */
  readonly isWritten: boolean;
  /** The entry is being removed. Resolves when its descriptors are closed. */
  detach(): Promise<void>;
  /** Of a version larger than the limit, the part that was used longest ago. */
  coldestRegion(): ColdRegion | undefined;
}

export interface ColdRegion {
  readonly usedAtMs: number;
  /** Resolves to what that freed; undefined: it cannot be evicted. */
  evict(): Promise<number | undefined>;
}

/** All that is stored, in the order of its last use; kept by the writer. */
export class Catalog {
  readonly #options: CatalogOptions;
  readonly #entries = new EntryTable();
  readonly #evicting = new Semaphore(1);
  /** By name; each resolves when the files are gone. */
  readonly removing = new Map<string, Promise<boolean>>();
  #clockMs = -Infinity;
  #isScanned = false;
  /** There are others' files, which may have an entry's name. */
  #hasStrays = false;
  evictedBytes = 0;
  readonly #pinMarks: PinMarks;
  #isAbandoned = false;
  /** Resolves when the directory was scanned; false: that failed, and nothing is to be changed. */
  readonly ready: Promise<boolean>;

  constructor(options: CatalogOptions) {
    this.#options = options;
    this.#pinMarks = new PinMarks(this.#entries, options.pins, () => this.urls());
    this.ready = this.#scan();
  }

  get isScanned(): boolean {
    return this.#isScanned;
  }

  get space(): Space {
    return this.#options.space;
  }

  /** Of the used bytes, what is pinned. */
  get pinnedBytes(): number {
    return this.#entries.pinnedBytes;
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Certainly nothing is stored under the name. */
  isMissing(name: string): boolean {
    return this.#isScanned && !this.#hasStrays && !this.#entries.has(name);
  }

  /** The entries of the URL; undefined: not known yet. */
  entriesOf(url: string): readonly string[] | undefined {
    return this.#isScanned ? this.#entries.ofUrl(url) : undefined;
  }

  /** The entry was used just now. The time, if it is to be written to the index file. */
  use(name: string): number | undefined {
    const entry = this.#entries.get(name);
    if (entry === undefined) return undefined;
    const usedAtMs = this.now();
    const isDue = usedAtMs - entry.touchedAtMs >= TOUCH_EVERY_MS;
    this.#entries.set(name, { ...entry, usedAtMs, ...(isDue ? { touchedAtMs: usedAtMs } : {}) });
    return isDue ? usedAtMs : undefined;
  }

  /** All entries with the URLs of their headers. */
  async *urls(): AsyncGenerator<[name: string, url: string]> {
    for (const name of this.#entries.names()) {
      const url = await this.#options.urlOf(name);
      if (url !== undefined) yield [name, url];
    }
  }

  isPinned(name: string): boolean {
    return this.#entries.get(name)?.isPinned === true;
  }

  /** Resolves when it is known what is pinned, as processes have changed that. Never rejects. */
  async refreshPins(): Promise<void> {
    if (await this.ready) await this.#pinMarks.refresh();
  }

  /** What its files allocate. */
  bytesOf(name: string): number {
    return this.#entries.get(name)?.chargedBytes ?? 0;
  }

  usedAtMs(name: string): number {
    return this.#entries.get(name)?.usedAtMs ?? this.now();
  }

  /** Leaves all times of last use on disk, when nothing changes any more. */
  async writeTimesOfUse(): Promise<void> {
    const patches = [];
    for (const [name, { usedAtMs, touchedAtMs }] of this.#entries.entries())
      if (usedAtMs > touchedAtMs) patches.push({ name, writes: [], usedAtMs });
    await this.#options.thread.run('patch', patches);
  }

  /** Evicts until `bytes` more fit, and reserves them; never evicts `keep`. False: they do not fit. */
  makeRoom(bytes: number, keep?: string): boolean | Promise<boolean> {
    const { space } = this.#options;
    if (this.#isScanned && space.refresh() === undefined && space.shortBytes(bytes) <= 0) {
      space.usedBytes += bytes;
      return true;
    }
    return this.#evicting.run(() => this.#makeRoom(bytes, keep));
  }

  async #makeRoom(bytes: number, keep: string | undefined): Promise<boolean> {
    if (!(await this.ready)) return false;
    const { space, thread } = this.#options;
    await space.refresh();
    if (space.shortBytes(bytes) > 0) await this.refreshPins();
    while (space.shortBytes(bytes) > 0 && !this.#isAbandoned) {
      if (!(await this.#evictOne(keep))) {
        // What is being written may be evicted after that.
        await thread.run('patch', []);
        if (!(await this.#evictOne(keep))) return false;
      }
      await space.refresh();
    }
    space.usedBytes += bytes;
    return true;
  }

  async #evictOne(keep: string | undefined): Promise<boolean> {
    const victim = this.#victim(keep);
    const region = this.#coldestRegion();
    if (region !== undefined && (victim === undefined || region.usedAtMs < this.usedAtMs(victim))) {
      const freedBytes = await region.evict();
      this.evictedBytes += freedBytes ?? 0;
      return freedBytes !== undefined;
    }
    if (victim === undefined) return false;
    const victimBytes = this.bytesOf(victim);
    if (!(await this.remove(victim))) return false;
    this.evictedBytes += victimBytes;
    return true;
  }

  #coldestRegion(): ColdRegion | undefined {
    let coldest: ColdRegion | undefined;
    for (const [name, entry] of this.#options.open) {
      const found = entry.isWritten ? undefined : entry.coldestRegion();
      const isColder = found !== undefined && (coldest === undefined || found.usedAtMs < coldest.usedAtMs);
      if (isColder && !this.isPinned(name)) coldest = found;
    }
    return coldest;
  }

  /** What the entry's files take is `chargedBytes` now; `reservedBytes` of it were reserved. */
  charge(name: string, chargedBytes: number, reservedBytes: number, url: string): void {
    const now = this.now();
    this.#options.space.usedBytes += chargedBytes - this.bytesOf(name) - reservedBytes;
    const isPinned = this.#options.pins.of(url) !== undefined;
    this.#entries.set(name, { chargedBytes, usedAtMs: now, touchedAtMs: now, isPinned });
  }

  /**
   * Removes the files, whether they are in the catalog or not. What they allocate is free when they are
   * closed too, which this waits for only if no caller was handed a descriptor.
   */
  remove(name: string): Promise<boolean> {
    const removing = this.#remove(name).finally(() => {
      if (this.removing.get(name) === removing) this.removing.delete(name);
    });
    this.removing.set(name, removing);
    return removing;
  }

  async #remove(name: string): Promise<boolean> {
    if (!(await this.ready)) return false;
    const { space, warnings, thread, open } = this.#options;
    const wasHeld = open.get(name)?.isHeld === true;
    const closed = open.get(name)?.detach() ?? Promise.resolve();
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    try {
      await thread.run('remove', name);
    } catch (error) {
      warnings.warn('cannot remove what is stored', error);
      // As the one used last: it must not be the next to be evicted, or nothing ever is.
      if (entry !== undefined && !this.#entries.has(name)) this.#entries.set(name, entry);
      return false;
    }
    const released = closed.then(() => {
      space.usedBytes -= entry?.chargedBytes ?? 0;
    });
    if (!wasHeld) await released;
    return true;
  }

  /** This process is no longer the writer. */
  abandon(): void {
    this.#isAbandoned = true;
    this.#isScanned = false;
    this.#entries.clear();
  }

  /** The one used longest ago that is not pinned. Those that are go to the end, where they are met last. */
  #victim(keep: string | undefined): string | undefined {
    const { open, blockBytes } = this.#options;
    // All that is left is pinned: an entry counts as a block at least.
    if (this.space.usedBytes - this.pinnedBytes < blockBytes) return undefined;
    let left = this.#entries.size;
    for (const [name, entry] of this.#entries.entries()) {
      if (left === 0) break;
      left -= 1;
      const { isHeld = false, isWritten = false } = open.get(name) ?? {};
      if (entry.isPinned) this.#entries.set(name, entry);
      else if (name !== keep && !isHeld && !isWritten) return name;
    }
    return undefined;
  }

  async #scan(): Promise<boolean> {
    const { root, space, warnings, thread } = this.#options;
    let foundBytes = 0;
    try {
      for (const shard of await readdir(root)) {
        if (!isReserved(shard) && !this.#isAbandoned)
          foundBytes += this.#add(await thread.run('scan', shard));
      }
      this.#entries.sort();
      space.usedBytes += foundBytes;
      this.#isScanned = !this.#isAbandoned;
      void this.refreshPins();
    } catch (error) {
      warnings.warn('cannot scan the directory', error);
    }
    return this.#isScanned;
  }

  #add({ names, figures, strays }: ShardEntries): number {
    const { blockBytes, warnings } = this.#options;
    let foundBytes = 0;
    for (const [i, name] of names.entries()) {
      const chargedBytes = chargeOf(figures[2 * i] ?? 0, blockBytes);
      const usedAtMs = figures[2 * i + 1] ?? 0;
      this.#entries.set(name, { chargedBytes, usedAtMs, touchedAtMs: usedAtMs, isPinned: false });
      foundBytes += chargedBytes;
    }
    for (const { path, error } of strays) {
      this.#hasStrays = true;
      warnings.warn('left alone what is not of the cache', error && new DiskJobError(error), { path });
    }
    return foundBytes;
  }

  /** Strictly increasing, so that the order survives as times. */
  now(): number {
    this.#clockMs = Math.max(Date.now(), this.#clockMs + 0.01);
    return this.#clockMs;
  }
}
