import { shardsOf } from './shard.js';
import type { Pins } from './pins.js';
import type { SegmentTable } from './segment-table.js';

export interface PinnedSegmentsOptions {
  readonly root: string;
  readonly segments: SegmentTable;
  readonly pins: Pins;
  /** Undefined: the segment is gone, or cannot be read. */
  readonly urlOf: (name: string) => Promise<string | undefined>;
}

/**
 * Which segments are pinned. A name is a hash: what was found by a segment's header is marked in the table, and is void when the
 * pins change.
 */
export class PinnedSegments {
  readonly #options: PinnedSegmentsOptions;
  #bytes = 0;
  #bytesOfEpoch = 0;
  #marking: Promise<void> | undefined;

  constructor(options: PinnedSegmentsOptions) {
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

  /** The URL of a segment is known. Returns whether it is pinned. */
  note(name: string, url: string): boolean {
    const { pins, segments } = this.#options;
    if (pins.isEmpty) return false;
    this.#begin();
    const isPinned = pins.of(url) !== undefined;
    if (isPinned && this.#markOf(name) !== true) this.#bytes += segments.get(name)?.chargedBytes ?? 0;
    segments.markPin(name, 2 * pins.epoch + (isPinned ? 1 : 0));
    return isPinned;
  }

  /** It is about to be removed, or to have another size. */
  forget(name: string): void {
    this.#begin();
    if (this.#markOf(name) !== true) return;
    this.#bytes -= this.#options.segments.get(name)?.chargedBytes ?? 0;
    this.#options.segments.markPin(name, 0);
  }

  /** Resolves when all are marked. Never rejects. */
  markAll(): Promise<void> {
    return (this.#marking ??= this.#markAll().finally(() => {
      this.#marking = undefined;
    }));
  }

  async #markAll(): Promise<void> {
    const { root, pins, segments } = this.#options;
    for (let epoch = 0; epoch !== pins.epoch && !pins.isEmpty;) {
      epoch = pins.epoch;
      for (const names of shardsOf(root)) {
        for (const name of await names) if (segments.has(name)) await this.has(name);
        if (epoch !== pins.epoch) break;
      }
    }
  }

  /** Undefined: not found out since the pins changed. */
  #markOf(name: string): boolean | undefined {
    const mark = this.#options.segments.get(name)?.pinMark ?? 0;
    return Math.floor(mark / 2) === this.#options.pins.epoch ? mark % 2 === 1 : undefined;
  }

  #begin(): void {
    const { epoch } = this.#options.pins;
    if (this.#bytesOfEpoch === epoch) return;
    [this.#bytesOfEpoch, this.#bytes] = [epoch, 0];
  }
}
