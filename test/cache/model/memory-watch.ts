import { BlockMemory } from '../../../src/cache/block-memory.js';

/** Sees the memory that a cache makes for itself, each time that it hands some out. */
export class MemoryWatch {
  readonly #limitBytes: number;
  readonly #blockBytes: number;
  readonly #take = Reflect.get(BlockMemory.prototype, 'take');
  #memory: BlockMemory | undefined;
  #highestBytes = 0;
  /** Of the reads of this step. */
  #longestBytes = 0;

  constructor(limitBytes: number, blockBytes: number) {
    this.#limitBytes = limitBytes;
    this.#blockBytes = blockBytes;
    const [note, take] = [(memory: BlockMemory) => this.#note(memory), this.#take];
    BlockMemory.prototype.take = function watched(this: BlockMemory) {
      note(this);
      return take.call(this);
    };
  }

  get committedBytes(): number {
    return this.#memory?.committedBytes ?? 0;
  }

  beginStep(): void {
    this.#highestBytes = this.#usedBytes;
    this.#longestBytes = 0;
  }

  /** The blocks of one read may be more than the limit. */
  noteRead(length: number): void {
    this.#longestBytes = Math.max(this.#longestBytes, length + 2 * this.#blockBytes);
  }

  /** By how much more than allowed was in use at some time in this step. */
  get excessBytes(): number {
    const allowed = Math.max(this.#limitBytes, this.#longestBytes);
    return Math.max(0, this.#highestBytes - allowed, this.#usedBytes - allowed);
  }

  /** Another cache is about to be watched. */
  reset(): void {
    this.#memory = undefined;
    this.#highestBytes = 0;
  }

  end(): void {
    BlockMemory.prototype.take = this.#take;
  }

  get #usedBytes(): number {
    return this.committedBytes + (this.#memory?.cachedBytes ?? 0);
  }

  #note(memory: BlockMemory): void {
    this.#memory ??= memory;
    if (memory === this.#memory) this.#highestBytes = Math.max(this.#highestBytes, this.#usedBytes);
  }
}
