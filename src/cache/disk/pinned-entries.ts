import { shardsOf } from './layout.js';
import type { Pins } from './pins.js';
import type { EntryTable } from './entry-table.js';

export interface PinnedEntriesOptions {
  readonly root: string;
  readonly entries: EntryTable;
  readonly pins: Pins;
  /** Undefined: the entry is gone, or cannot be read. */
  readonly urlOf: (name: string) => Promise<string | undefined>;
}

/**
 * Which entries are pinned. A name is a hash: what was found by a header is marked in the table, and is void when the
 * pins change.
 */
export class PinnedEntries {
  readonly #options: PinnedEntriesOptions;
  #bytes = 0;
  #bytesOfEpoch = 0;
  #marking: Promise<void> | undefined;

  constructor(options: PinnedEntriesOptions) {
    this.#options = options;
  }

  /** Of those that are marked. */
  get bytes(): number {
    this.#begin();
    return this.#bytes;
  }

  async has(name: string): Promise<boolean> {
    if (this.#options.pins.isEmpty) return false;
    const known = this.#markOf(name);
    if (known !== undefined) return known;
    const url = await this.#options.urlOf(name);
    return url !== undefined && this.note(name, url);
  }

  /** The URL of an entry is known. Returns whether it is pinned. */
  note(name: string, url: string): boolean {
    const { pins, entries } = this.#options;
    if (pins.isEmpty) return false;
    this.#begin();
    const isPinned = pins.of(url) !== undefined;
    if (isPinned && this.#markOf(name) !== true) this.#bytes += entries.get(name)?.chargedBytes ?? 0;
    entries.markPin(name, 2 * pins.epoch + (isPinned ? 1 : 0));
    return isPinned;
  }

  /** It is about to be removed, or to have another size. */
  forget(name: string): void {
    this.#begin();
    if (this.#markOf(name) !== true) return;
    this.#bytes -= this.#options.entries.get(name)?.chargedBytes ?? 0;
    this.#options.entries.markPin(name, 0);
  }

  /** Resolves when all are marked. Never rejects. */
  markAll(): Promise<void> {
    return (this.#marking ??= this.#markAll().finally(() => {
      this.#marking = undefined;
    }));
  }

  async #markAll(): Promise<void> {
    const { root, pins, entries } = this.#options;
    for (let epoch = 0; epoch !== pins.epoch && !pins.isEmpty;) {
      epoch = pins.epoch;
      for (const names of shardsOf(root)) {
        for (const name of await names) if (entries.has(name)) await this.has(name);
        if (epoch !== pins.epoch) break;
      }
    }
  }

  /** Undefined: not found out since the pins changed. */
  #markOf(name: string): boolean | undefined {
    const mark = this.#options.entries.get(name)?.pinMark ?? 0;
    return Math.floor(mark / 2) === this.#options.pins.epoch ? mark % 2 === 1 : undefined;
  }

  #begin(): void {
    const { epoch } = this.#options.pins;
    if (this.#bytesOfEpoch === epoch) return;
    [this.#bytesOfEpoch, this.#bytes] = [epoch, 0];
  }
}
