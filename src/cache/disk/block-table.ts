import { blockLength, type Geometry } from './geometry.js';

/** Which blocks of a version are stored, and their checksums. */
export class BlockTable {
  readonly #geometry: Geometry;
  readonly #stored: Uint8Array;
  readonly checksums: Uint32Array;
  /** This process wrote all that is stored, or has compared it: no crash since can have spoilt it. */
  isSound: boolean;
  /** Changes whenever a block is forgotten. */
  forgetCount = 0;
  #storedCount = 0;

  constructor(geometry: Geometry, isSound: boolean) {
    const { blockCount } = geometry;
    this.#geometry = geometry;
    this.#stored = new Uint8Array(blockCount);
    this.checksums = new Uint32Array(blockCount);
    this.isSound = isSound;
  }

  get storedBytes(): number {
    const { blockCount, blockBytes } = this.#geometry;
    const absentBytes = this.has(blockCount - 1)
      ? blockBytes - blockLength(this.#geometry, blockCount - 1)
      : 0;
    return this.#storedCount * blockBytes - absentBytes;
  }

  get isComplete(): boolean {
    return this.#storedCount === this.#geometry.blockCount;
  }

  has(index: number): boolean {
    return this.#stored[index] === 1;
  }

  store(index: number, checksum: number): void {
    this.checksums[index] = checksum;
    if (!this.has(index)) this.#storedCount += 1;
    this.#stored[index] = 1;
  }

  forget(index: number): void {
    this.forgetCount += 1;
    this.isSound = false;
    if (this.has(index)) this.#storedCount -= 1;
    this.#stored[index] = 0;
  }
}
