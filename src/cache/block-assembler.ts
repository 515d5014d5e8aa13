/** Cuts a stream of chunks into blocks. Copies every byte once, into memory that only the block holds. */
export class BlockAssembler {
  readonly #blockBytes: number;
  readonly #emit: (index: number, bytes: Uint8Array) => void;
  #position: number;
  #block: Uint8Array | undefined;

  /** `position`: where the first chunk begins in the resource; a multiple of `blockBytes`. */
  constructor(blockBytes: number, position: number, emit: (index: number, bytes: Uint8Array) => void) {
    this.#blockBytes = blockBytes;
    this.#position = position;
    this.#emit = emit;
  }

  /** Where the next byte belongs. */
  get position(): number {
    return this.#position;
  }

  push(chunk: Uint8Array): void {
    let taken = 0;
    while (taken < chunk.byteLength) {
      const block = (this.#block ??= Buffer.allocUnsafeSlow(this.#blockBytes));
      const filled = this.#position % this.#blockBytes;
      const bytes = Math.min(this.#blockBytes - filled, chunk.byteLength - taken);
      block.set(chunk.subarray(taken, taken + bytes), filled);
      taken += bytes;
      this.#position += bytes;
      if (filled + bytes === this.#blockBytes) this.#flush(block);
    }
  }

  /** The resource ends here: what is left is its last, short block. */
  finish(): void {
    const filled = this.#position % this.#blockBytes;
    if (this.#block === undefined || filled === 0) return;
    // A copy, so that a short file does not hold a whole block's memory.
    this.#emit(Math.floor(this.#position / this.#blockBytes), this.#block.slice(0, filled));
    this.#block = undefined;
  }

  #flush(block: Uint8Array): void {
    this.#block = undefined;
    this.#emit(this.#position / this.#blockBytes - 1, block);
  }
}
