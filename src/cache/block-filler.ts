import type { Block } from './block.js';
import type { BlockMemory } from './block-memory.js';
import type { VersionBlocks } from './version-blocks.js';

export interface BlockFillerOptions {
  readonly blocks: VersionBlocks;
  readonly memory: BlockMemory;
  /** Where the first chunk begins in the resource; a multiple of the block size. */
  readonly position: number;
  /** False: nothing is shown to readers before `finish`, which tells that all of it is believed. */
  readonly isBelieved: boolean;
  /** A block was completed, or will not be filled because it is there already. Its reservation is used up. */
  readonly onBlock?: () => void;
}

/** Fills blocks with the chunks of a body. One reserved block of memory is used up for each. */
export class BlockFiller {
  readonly #options: BlockFillerOptions;
  readonly #withheld: { block: Block; bytes: number }[] = [];
  #position: number;
  #block: Block | undefined;
  #isSkipped = false;

  constructor(options: BlockFillerOptions) {
    this.#options = options;
    this.#position = options.position;
  }

  /** Where the next byte belongs. */
  get position(): number {
    return this.#position;
  }

  /** Whether the next byte needs no further reservation. */
  get hasMemory(): boolean {
    return this.#block !== undefined;
  }

  /** Takes bytes up to the end of the current block; returns how many. */
  push(chunk: Uint8Array): number {
    const { blocks, memory } = this.#options;
    const { blockBytes } = blocks;
    const at = this.#position % blockBytes;
    if (this.#block === undefined) {
      this.#block = blocks.announce(Math.floor(this.#position / blockBytes));
      this.#isSkipped = this.#block.isComplete || this.#block.isClaimed;
    }
    const taken = Math.min(chunk.byteLength, blockBytes - at);
    if (!this.#isSkipped) {
      this.#block.memory ??= memory.take();
      this.#block.memory.set(taken === chunk.byteLength ? chunk : chunk.subarray(0, taken), at);
    }
    this.#position += taken;
    if (at + taken === blockBytes) this.#endBlock(blockBytes);
    else if (this.#options.isBelieved && !this.#isSkipped) this.#block.advance(at + taken);
    return taken;
  }

  /** The body ended as it should: what is left is the last, short block. */
  finish(): void {
    const bytes = this.#position % this.#options.blocks.blockBytes;
    if (bytes !== 0) this.#endBlock(bytes);
    for (const { block, bytes: length } of this.#withheld) this.#complete(block, length);
  }

  /** Gives up the block that is being filled; somebody else will fill it from its start. */
  abandon(): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) return;
    if (this.#isSkipped) this.#options.memory.unreserve(1);
    else this.#options.memory.discard(block);
    if (!this.#isSkipped) block.restart();
  }

  #endBlock(bytes: number): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) return;
    if (this.#isSkipped) {
      this.#options.memory.unreserve(1);
      this.#options.onBlock?.();
    } else if (this.#options.isBelieved) {
      this.#complete(block, bytes);
    } else {
      this.#withheld.push({ block, bytes });
    }
  }

  #complete(block: Block, bytes: number): void {
    try {
      this.#options.blocks.complete(block, bytes, 'source');
    } catch (error) {
      // Its bytes are not those of this version.
      this.#options.memory.discard(block);
      block.restart();
      throw error;
    } finally {
      this.#options.onBlock?.();
    }
  }
}
