import type { Block } from '../blocks/block.js';
import type { VersionBlocks } from '../blocks/version-blocks.js';
import { partsOf } from './checked-body.js';

/** Adjacent blocks that a body fills in their order. */
export class FilledRun {
  readonly #blocks: VersionBlocks;
  readonly #run: readonly Block[];
  readonly #checksums: number[] = [];
  /** How much of the version comes for them: less than they have room for at its end. */
  readonly bytes: number;
  #completed = 0;

  /** They are acquired for it, each until it is complete or released. */
  constructor(blocks: VersionBlocks, run: readonly Block[], bytes: number) {
    this.#blocks = blocks;
    this.#run = run;
    this.bytes = bytes;
    for (const block of run) blocks.pool.acquire(block);
  }

  /** Where the bytes go. */
  get pieces(): Uint8Array[] {
    return partsOf(
      this.#run.map(({ memory }) => memory),
      0,
      this.bytes,
    );
  }

  /** How many blocks are complete, from the first on. */
  get completed(): number {
    return this.#completed;
  }

  get isComplete(): boolean {
    return this.#completed === this.#run.length;
  }

  noteChecksum(index: number, checksum: number): void {
    this.#checksums[index] = checksum;
  }

  /** The first `bytes` bytes are there, and right; `isAtEnd`: no more come. Throws `ChangedError` if they were others before. */
  show(bytes: number, isAtEnd = false): void {
    const { blockBytes } = this.#blocks;
    for (let block = this.#run[this.#completed]; block !== undefined; block = this.#run[this.#completed]) {
      const arrived = bytes - this.#completed * blockBytes;
      const length = Math.min(blockBytes, this.bytes - this.#completed * blockBytes);
      if (arrived <= 0) return;
      if (arrived < length && !isAtEnd) {
        if (this.#blocks.isNew(block)) block.advance(arrived);
        return;
      }
      const checksum = arrived < length ? undefined : this.#checksums[this.#completed];
      this.#blocks.completeBlock(block, Math.min(arrived, length), checksum);
      this.#completed += 1;
    }
  }

  /** What is not complete will not come. Without an error, reads that wait for it request it again. */
  fail(error?: unknown): void {
    for (const block of this.#rest) this.#blocks.fail(block, error);
  }

  /** Nothing is written to it any more. */
  release(): void {
    for (const block of this.#rest) this.#blocks.pool.release(block);
  }

  get #rest(): readonly Block[] {
    return this.#run.slice(this.#completed);
  }
}
