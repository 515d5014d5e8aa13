import type { Block } from './block-cache.js';

/** Smaller pieces are copied together: each costs an object, and a place in a gathered write. */
const MIN_KEPT_BYTES = 8 * 1024;

export interface BlockAssemblerOptions {
  readonly blockBytes: number;
  /** Where the first chunk begins in the resource; a multiple of `blockBytes`. */
  readonly position: number;
  /** Whether chunks are handed over (`Response.handsOver`): then large ones are kept, not copied. */
  readonly keepsChunks: boolean;
  readonly emit: (index: number, block: Block) => void;
}

/**
 * Cuts a stream of chunks into blocks. A chunk that may be kept becomes a piece of a block as it is; what
 * is small, belongs to the source, or pins more memory than it shows, is copied into memory of the block's.
 */
export class BlockAssembler {
  readonly #options: BlockAssemblerOptions;
  #position: number;
  #pieces: Uint8Array[] = [];
  /** Memory for copies, of which `#copied` bytes are filled and belong behind `#pieces`. */
  #room: Uint8Array | undefined;
  #copied = 0;

  constructor(options: BlockAssemblerOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  /** Where the next byte belongs. */
  get position(): number {
    return this.#position;
  }

  push(chunk: Uint8Array): void {
    const { blockBytes } = this.#options;
    const keeps = this.#options.keepsChunks && chunk.buffer.byteLength <= 2 * chunk.byteLength;
    let taken = 0;
    while (taken < chunk.byteLength) {
      const left = blockBytes - (this.#position % blockBytes);
      const piece = chunk.subarray(taken, taken + left);
      if (keeps && piece.byteLength >= MIN_KEPT_BYTES) this.#keep(piece);
      else this.#copy(piece, left);
      taken += piece.byteLength;
      this.#position += piece.byteLength;
      if (piece.byteLength === left) this.#flush(this.#position / blockBytes - 1);
    }
  }

  /** The resource ends here: what is left is its last, short block. */
  finish(): void {
    const { blockBytes } = this.#options;
    if (this.#position % blockBytes !== 0) this.#flush(Math.floor(this.#position / blockBytes));
  }

  #keep(piece: Uint8Array): void {
    this.#endCopy();
    this.#pieces.push(piece);
  }

  /** `left`: what the block still lacks, and so the most that copies can need. */
  #copy(piece: Uint8Array, left: number): void {
    const room = (this.#room ??= Buffer.allocUnsafeSlow(left));
    room.set(piece, this.#copied);
    this.#copied += piece.byteLength;
  }

  #endCopy(): void {
    if (this.#room === undefined) return;
    const { byteLength } = this.#room;
    // Memory that is mostly empty is given back: the cache counts bytes, not what lies behind them.
    const copy = this.#room.subarray(0, this.#copied);
    this.#pieces.push(this.#copied === byteLength ? copy : copy.slice());
    this.#room = undefined;
    this.#copied = 0;
  }

  #flush(index: number): void {
    this.#endCopy();
    const block = this.#pieces;
    this.#pieces = [];
    this.#options.emit(index, block);
  }
}
