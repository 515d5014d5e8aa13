import { blockLength, type Geometry } from './geometry.js';

/** Which blocks of a version are stored, and their checksums. */
export class BlockTable {
  readonly #geometry: Geometry;
  readonly #stored: Uint8Array;
  /** Blocks that were written or checked by this process: no crash since can have spoilt them. */
  readonly #checked: Uint8Array;
  readonly checksums: Uint32Array;
  /** Changes whenever a block is forgotten. */
  forgetCount = 0;
  #storedCount = 0;
  #checkedCount = 0;

  constructor(geometry: Geometry) {
    const { blockCount } = geometry;
    this.#geometry = geometry;
    this.#stored = new Uint8Array(Math.ceil(blockCount / 8));
    this.#checked = new Uint8Array(Math.ceil(blockCount / 8));
    this.checksums = new Uint32Array(blockCount);
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

  /** Complete, and every block was written or checked by this process. */
  get isChecked(): boolean {
    return this.#checkedCount === this.#geometry.blockCount;
  }

  has(index: number): boolean {
    return hasBit(this.#stored, index);
  }

  isBlockChecked(index: number): boolean {
    return hasBit(this.#checked, index);
  }

  store(index: number, checksum: number): void {
    this.checksums[index] = checksum;
    if (setBit(this.#stored, index)) this.#storedCount += 1;
  }

  markChecked(index: number): void {
    if (this.has(index) && setBit(this.#checked, index)) this.#checkedCount += 1;
  }

  /** Another process wrote to the file. */
  uncheckAll(): void {
    this.#checked.fill(0);
    this.#checkedCount = 0;
  }

  forget(index: number): void {
    this.forgetCount += 1;
    if (clearBit(this.#checked, index)) this.#checkedCount -= 1;
    if (clearBit(this.#stored, index)) this.#storedCount -= 1;
  }
}

function hasBit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0;
}

/** Whether it was clear. */
function setBit(bits: Uint8Array, index: number): boolean {
  if (hasBit(bits, index)) return false;
  bits[index >> 3] = (bits[index >> 3] ?? 0) | (1 << (index & 7));
  return true;
}

/** Whether it was set. */
function clearBit(bits: Uint8Array, index: number): boolean {
  if (!hasBit(bits, index)) return false;
  bits[index >> 3] = (bits[index >> 3] ?? 0) & ~(1 << (index & 7));
  return true;
}
