/** Returns `bytes` bytes of shared memory, zeroed; what is not touched of them costs nothing yet. */
export type AllocateMemory = (bytes: number) => Uint8Array;

const WORD_SLOTS = 32;
/**
 * All of it is requested at the start. It costs nothing before it is used, but V8 takes each new piece for a reason to
 * collect garbage (measured: 20 to 60 ms in the midst of a read).
 */
const MAX_ARENA_BYTES = 1024 * 1024 * 1024;

/**
 * Pieces of memory of one length. Those that are taken in a row mostly lie side by side, so that one system call fills many; the
 * word that got one back last is used first, since it is still in the processor's caches.
 */
export class Slots {
  readonly count: number;
  readonly #slotBytes: number;
  readonly #arenaSlots: number;
  readonly #arenas: Uint8Array[] = [];
  /** A bit for each free slot. */
  readonly #words: Int32Array;
  /** The words with a free slot; the last is used next. */
  readonly #open: number[];
  #freeCount: number;

  constructor(count: number, slotBytes: number, allocate: AllocateMemory = allocateShared) {
    this.count = count;
    this.#freeCount = count;
    this.#slotBytes = slotBytes;
    this.#arenaSlots = Math.min(count, Math.floor(MAX_ARENA_BYTES / slotBytes));
    for (let left = count; left > 0; left -= this.#arenaSlots) {
      this.#arenas.push(allocate(Math.min(left, this.#arenaSlots) * slotBytes));
    }
    this.#words = new Int32Array(Math.ceil(count / WORD_SLOTS)).fill(-1);
    const rest = count % WORD_SLOTS;
    if (rest > 0) this.#words[this.#words.length - 1] = 2 ** rest - 1;
    this.#open = Array.from(this.#words.keys()).toReversed();
  }

  get freeCount(): number {
    return this.#freeCount;
  }

  /** The number of a slot; there must be a free one. */
  take(): number {
    const word = this.#open.at(-1);
    const bits = word === undefined ? 0 : (this.#words[word] ?? 0);
    if (word === undefined || bits === 0) throw new Error('no slot is free');
    const lowest = bits & -bits;
    this.#words[word] = bits & ~lowest;
    if (bits === lowest) this.#open.pop();
    this.#freeCount -= 1;
    return word * WORD_SLOTS + 31 - Math.clz32(lowest);
  }

  release(slot: number): void {
    const word = Math.floor(slot / WORD_SLOTS);
    const bits = this.#words[word] ?? 0;
    if (bits === 0) this.#open.push(word);
    this.#words[word] = bits | (1 << (slot % WORD_SLOTS));
    this.#freeCount += 1;
  }

  memoryOf(slot: number): Uint8Array {
    const arena = this.#arenas[Math.floor(slot / this.#arenaSlots)] ?? new Uint8Array();
    const at = (slot % this.#arenaSlots) * this.#slotBytes;
    return arena.subarray(at, at + this.#slotBytes);
  }
}

function allocateShared(bytes: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(bytes));
}
