/**
 * What waits to be written to disk, of all versions: how much that may be, and when it is written. Storing a small file costs more
 * than fetching it did, and no caller waits for it: it is done when nothing was read for a while, or when much of it waits.
 */
import { type Resolvers, withResolvers } from '../with-resolvers.js';

export interface WriteBehindOptions {
  /** How long nothing may have been noted. */
  readonly quietMs: number;
  /** What has waited for so long does not wait for that. */
  readonly maxWaitMs: number;
}

/** So many small files are one message to the thread that writes them: each message wakes it. */
const TOGETHER = 32;

const DEFAULT_WRITE_BEHIND_OPTIONS: WriteBehindOptions = { quietMs: 100, maxWaitMs: 5_000 };

/** Writes what waits of one version. */
export interface Writer {
  /** Resolves when what waits now was written, or tried. Never rejects. */
  write(): Promise<void>;
}

interface Waiting extends Resolvers<void> {
  readonly sinceMs: number;
}

export class WriteBehind {
  readonly #limitBytes: () => number;
  readonly #options: WriteBehindOptions;
  /** The one that has waited longest is first. */
  readonly #waiting = new Map<Writer, Waiting>();
  #dirtyBytes = 0;
  #activeAtMs = -Infinity;
  /** How many of those that wait first do not wait for quiet. */
  #toFlush = 0;
  #isDraining = false;
  #isWorking = false;
  /** Of the one that was written last. */
  #written: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** `limitBytes` returns how much may wait now. */
  constructor(limitBytes: () => number, options: WriteBehindOptions = DEFAULT_WRITE_BEHIND_OPTIONS) {
    this.#limitBytes = limitBytes;
    this.#options = options;
  }

  get maxBytes(): number {
    return this.#limitBytes();
  }

  /** Of each that waits. */
  get shareBytes(): number {
    return this.maxBytes / Math.max(1, this.#waiting.size);
  }

  /** Whether what waits takes so much that it must not wait for quiet. */
  get isPressing(): boolean {
    return this.#dirtyBytes > this.maxBytes / 2;
  }

  /** So much more is held to be written, until `subtract`. False: it would be too much. */
  tryAdd(bytes: number): boolean {
    if (this.#dirtyBytes + bytes > this.maxBytes) return false;
    this.#dirtyBytes += bytes;
    return true;
  }

  subtract(bytes: number): void {
    this.#dirtyBytes -= bytes;
  }

  /** Reads go on, for which the rest waits. */
  noteActivity(): void {
    this.#activeAtMs = performance.now();
  }

  /** Resolves when it has written, some time later. */
  add(writer: Writer): Promise<void> {
    let waiting = this.#waiting.get(writer);
    if (waiting === undefined) {
      waiting = { ...withResolvers<void>(), sinceMs: performance.now() };
      this.#waiting.set(writer, waiting);
    }
    if (this.isPressing) this.#toFlush = this.#waiting.size;
    // A timer that is set looks again when this may be due at the earliest.
    if (this.#timer === undefined || this.#toFlush > 0 || this.#isDraining) void this.#work();
    return waiting.promise;
  }

  /** Resolves when what waits now is written. */
  async flush(): Promise<void> {
    this.#toFlush = this.#waiting.size;
    void this.#work();
    await Promise.all([this.#written, ...[...this.#waiting.values()].map(({ promise }) => promise)]);
  }

  /** From now on nothing waits for quiet. */
  drain(): void {
    this.#isDraining = true;
    void this.#work();
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // Not in the step of a caller, who may have more to add.
    await Promise.resolve();
    for (let due = this.#takeDue(); due.length > 0; due = this.#takeDue()) {
      this.#written = Promise.all(due);
      await this.#written;
    }
    this.#isWorking = false;
  }

  /** Begins to write what has waited for long enough. */
  #takeDue(): Promise<void>[] {
    const due: Promise<void>[] = [];
    for (const [writer, waiting] of this.#waiting) {
      if (due.length === TOGETHER) break;
      // With the first come those that wait for less long: each message costs as much as some ten of them.
      const waitMs = due.length === 0 ? this.#waitMs(waiting.sinceMs) : 0;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => void this.#work(), waitMs);
        break;
      }
      this.#toFlush = Math.max(0, this.#toFlush - 1);
      this.#waiting.delete(writer);
      due.push(writer.write().then(waiting.resolve));
    }
    return due;
  }

  /** For how long what has waited since then must wait still. */
  #waitMs(sinceMs: number): number {
    const { quietMs, maxWaitMs } = this.#options;
    if (this.#isDraining || this.#toFlush > 0) return 0;
    return Math.min(this.#activeAtMs + quietMs, sinceMs + maxWaitMs) - performance.now();
  }
}
