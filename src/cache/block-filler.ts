import type { Block } from './block.js';
import type { BlockMemory } from './block-memory.js';
import type { ReadRoute } from './cache-activity.js';
import type { VersionBlocks } from './version-blocks.js';

export interface BlockFillerOptions {
  readonly blocks: VersionBlocks;
  readonly memory: BlockMemory;
  /** Where the first chunk begins in the resource; a multiple of the block size. */
  readonly position: number;
  /** Where the last chunk ends, if that is known. */
  readonly end?: number;
  /** False: nothing is shown to readers before `finish`, which says that all is valid. */
  readonly isValidated: boolean;
  /** The blocks that it alone fills, those that it announces among them: other pending ones are passed over. Undefined: all. */
  readonly own?: Set<Block>;
  /** By which the bytes come. Default: from the source. */
  readonly route?: ReadRoute;
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

  /**
   * Where the next bytes belong, `maxBytes` of them at most: `push` copies nothing that lies there. As many
   * blocks as memory lies in one piece, each of which is reserved.
   */
  nextBuffer(maxBytes: number): Uint8Array | undefined {
    const { blocks, memory: pool } = this.#options;
    const { memory } = this.#begun();
    if (memory === undefined) return undefined;
    const at = this.#position % blocks.blockBytes;
    let [last, end] = [memory, blocks.blockBytes];
    for (let index = Math.floor(this.#position / blocks.blockBytes) + 1; end - at < maxBytes; index += 1) {
      const block = blocks.announce(index);
      if (isSkipped(block)) break;
      block.memory ??= pool.takeBehind(last);
      if (block.memory === undefined || !isAt(block.memory, memory, end)) break;
      last = block.memory;
      end += blocks.blockBytes;
    }
    return Buffer.from(memory.buffer, memory.byteOffset + at, Math.min(end - at, maxBytes));
  }

  /** Takes bytes up to the end of the current block; returns how many. */
  push(chunk: Uint8Array): number {
    const { blockBytes } = this.#options.blocks;
    const at = this.#position % blockBytes;
    const { block, memory } = this.#begun();
    const taken = Math.min(chunk.byteLength, blockBytes - at);
    if (memory === undefined) this.#options.blocks.compare(block, at, chunk.subarray(0, taken));
    else if (!isAt(chunk, memory, at)) {
      memory.set(taken === chunk.byteLength ? chunk : chunk.subarray(0, taken), at);
    }
    this.#position += taken;
    if (at + taken === blockBytes || this.#position === this.#options.end) this.#endBlock(at + taken);
    else if (this.#options.isValidated && memory !== undefined && this.#options.blocks.isNew(block)) {
      block.advance(at + taken);
    }
    return taken;
  }

  /** The body ended as it should: what is left is the last, short block. */
  finish(): void {
    const bytes = this.#position % this.#options.blocks.blockBytes;
    if (bytes > 0) this.#endBlock(bytes);
    else this.abandon();
    for (const { block, bytes: length } of this.#withheld) this.#complete(block, length);
  }

  /** Discards the block that is being filled; another filler fills it from its start. */
  abandon(): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) return;
    if (this.#isSkipped) {
      this.#options.memory.unreserve(1);
      return;
    }
    this.#options.blocks.recordDigest(block);
    this.#options.memory.discard(block);
    block.restart();
  }

  /** The block of the next byte, and its memory unless it is skipped. */
  #begun(): { block: Block; memory: Uint8Array | undefined } {
    const { blocks, memory } = this.#options;
    // One that was to be passed over may be gone before any of its bytes came.
    const isGone =
      this.#isSkipped && this.#block?.isLost === true && this.#position % blocks.blockBytes === 0;
    if (this.#block === undefined || isGone) {
      this.#block = this.#announce(Math.floor(this.#position / blocks.blockBytes));
      this.#isSkipped = this.#isSkippedBlock(this.#block);
      if (!this.#isSkipped) this.#block.route = this.#options.route ?? 'source';
    }
    if (this.#isSkipped) return { block: this.#block, memory: undefined };
    // What came before is gone with its memory: in fresh memory the block would have a hole.
    if (this.#block.isLost) throw new Error('a block was discarded while it was being filled');
    this.#block.memory ??= memory.take();
    return { block: this.#block, memory: this.#block.memory };
  }

  #announce(index: number): Block {
    const { blocks, own } = this.#options;
    const isMissing = own !== undefined && blocks.isMissing(index);
    const block = blocks.announce(index);
    if (isMissing) own.add(block);
    return block;
  }

  #isSkippedBlock(block: Block): boolean {
    const { own } = this.#options;
    return isSkipped(block) || (own !== undefined && !own.has(block));
  }

  #endBlock(bytes: number): void {
    const block = this.#block;
    this.#block = undefined;
    if (block === undefined) return;
    this.#options.own?.delete(block);
    if (this.#isSkipped) {
      this.#options.onBlock?.();
      this.#options.memory.unreserve(1);
    } else if (this.#options.isValidated) {
      this.#complete(block, bytes);
    } else {
      this.#withheld.push({ block, bytes });
    }
  }

  #complete(block: Block, bytes: number): void {
    // First, since what the block no longer takes of the reservations is granted to others at once.
    this.#options.onBlock?.();
    try {
      this.#options.blocks.complete(block, bytes, 'source');
    } catch (error) {
      // Its bytes are not those of this version.
      this.#options.memory.discard(block);
      block.restart();
      throw error;
    }
  }
}

/** It is there, or another filler fills it. */
function isSkipped(block: Block): boolean {
  return block.isComplete || block.isClaimed;
}

function isAt(chunk: Uint8Array, memory: Uint8Array, at: number): boolean {
  return chunk.buffer === memory.buffer && chunk.byteOffset === memory.byteOffset + at;
}
