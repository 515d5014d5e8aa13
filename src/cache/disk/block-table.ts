import { blockLength, type Span } from './layout.js';

/** Which blocks of a segment are stored, and their checksums. Indexes count from the start of the segment. */
export class BlockTable {
  readonly span: Span;
  readonly #stored: Uint8Array;
  /** Blocks that were written or checked by this process: no crash since can have spoilt them. */
  readonly #checked: Uint8Array;
  readonly #checksums: Uint32Array;
  /** Changes whenever a block is forgotten. */
  forgetCount = 0;
  #storedCount = 0;
  #checkedCount = 0;
  #storedBytes = 0;

  constructor(span: Span) {
    this.span = span;
    this.#stored = new Uint8Array(Math.ceil(span.blockCount / 8));
    this.#checked = new Uint8Array(Math.ceil(span.blockCount / 8));
    this.#checksums = new Uint32Array(span.blockCount);
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  get isComplete(): boolean {
    return this.#storedCount === this.span.blockCount;
  }

  /** Complete, and every block was written or checked by this process. */
  get isChecked(): boolean {
    return this.#checkedCount === this.span.blockCount;
  }

  has(index: number): boolean {
    return hasBit(this.#stored, index);
  }

  isBlockChecked(index: number): boolean {
    return hasBit(this.#checked, index);
  }

  checksum(index: number): number {
    return this.#checksums[index] ?? 0;
  }

  store(index: number, checksum: number): void {
    this.#checksums[index] = checksum;
    if (!setBit(this.#stored, index)) return;
    this.#storedCount += 1;
    this.#storedBytes += blockLength(this.span, index);
  }

  /** All blocks are there and right; their checksums come with `adoptChecksums`. */
  storeAll(): void {
    const { blockCount } = this.span;
    this.#stored.fill(0xff);
    const spareBits = this.#stored.length * 8 - blockCount;
    if (spareBits > 0) this.#stored[this.#stored.length - 1] = 0xff >> spareBits;
    this.#storedCount = blockCount;
    this.#storedBytes = this.span.dataBytes;
  }

  /** Of the same span. A block without a checksum is of no use to a reader. */
  adoptChecksums(loaded: BlockTable): void {
    this.#checksums.set(loaded.#checksums);
    for (let index = 0; index < this.span.blockCount; index += 1) {
      if (!loaded.has(index)) this.forget(index);
    }
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
    if (!clearBit(this.#stored, index)) return;
    this.#storedCount -= 1;
    this.#storedBytes -= blockLength(this.span, index);
  }

  forgetAll(): void {
    this.uncheckAll();
    this.#stored.fill(0);
    this.#storedCount = 0;
    this.#storedBytes = 0;
    this.forgetCount += 1;
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
