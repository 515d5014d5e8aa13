import type { Block } from './block.js';

/** Blocks that are kept for reads which wait for others. */
export class PinnedBlocks {
  readonly #blocks = new Set<Block>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(block: Block): void {
    block.isPinned = true;
    this.#blocks.add(block);
    this.#bytes += block.memoryBytes;
  }

  delete(block: Block): void {
    block.isPinned = false;
    this.#blocks.delete(block);
    this.#bytes -= block.memoryBytes;
  }

  /** All of them, none of which is pinned any more. */
  takeAll(): readonly Block[] {
    const all = [...this.#blocks];
    for (const block of all) this.delete(block);
    return all;
  }
}
