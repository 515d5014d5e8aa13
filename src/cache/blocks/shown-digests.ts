import { hash } from 'node:crypto';

import type { MetadataBudget } from '../../memory/metadata-budget.js';

const FIRST_BLOCKS = 64;

/**
 * Digests of what was shown of a body that comes in order, block by block: four bytes for each block. When the budget
 * has no room for more, what follows is known to have been shown, and can be compared with nothing any more.
 */
export class ShownDigests {
  readonly #budget: MetadataBudget;
  readonly #blockBytes: number;
  /** Of whole blocks; 0: there is none. */
  #whole = new Uint32Array();
  /** Of blocks that were shown in part: the last one, and those in which a download broke off. */
  readonly #parts = new Map<number, { readonly bytes: number; readonly digest: number }>();
  /** Behind the last block of which anything was shown. */
  #end = 0;
  /** There was no room once: what came since is not whole, so nothing is added. */
  #isFull = false;

  constructor(budget: MetadataBudget, blockBytes: number) {
    this.#budget = budget;
    this.#blockBytes = blockBytes;
  }

  has(index: number): boolean {
    return this.#parts.has(index) || this.#wholeAt(index) !== 0 || this.#isBeyond(index);
  }

  /** Whether a block is as it was shown before: `unknown` where no digest is left to compare. */
  compare(index: number, memory: Uint8Array): 'same' | 'other' | 'unknown' {
    const part = this.#parts.get(index);
    if (part !== undefined)
      return digestOf(memory.subarray(0, part.bytes)) === part.digest ? 'same' : 'other';
    const whole = this.#wholeAt(index);
    if (whole !== 0) return digestOf(memory) === whole ? 'same' : 'other';
    return this.#isBeyond(index) ? 'unknown' : 'same';
  }

  /** So much was shown of a block, from its start. */
  note(index: number, memory: Uint8Array): void {
    this.#end = Math.max(this.#end, index + 1);
    if (!this.#reserve(index)) return;
    const digest = digestOf(memory);
    if (memory.byteLength < this.#blockBytes) {
      this.#parts.set(index, { bytes: memory.byteLength, digest });
      return;
    }
    this.#parts.delete(index);
    this.#whole[index] = digest;
  }

  /** No read requests the body again. */
  clear(): void {
    this.#budget.charge('digests', -this.#whole.byteLength);
    this.#whole = new Uint32Array();
    this.#parts.clear();
    this.#end = 0;
    this.#isFull = false;
  }

  #wholeAt(index: number): number {
    return index < this.#whole.length ? (this.#whole[index] ?? 0) : 0;
  }

  #isBeyond(index: number): boolean {
    return index >= this.#whole.length && index < this.#end;
  }

  /** Whether there is room for the digest of a block. */
  #reserve(index: number): boolean {
    if (index < this.#whole.length) return true;
    if (this.#isFull) return false;
    const length = Math.max(FIRST_BLOCKS, 2 * this.#whole.length, index + 1);
    const moreBytes = (length - this.#whole.length) * Uint32Array.BYTES_PER_ELEMENT;
    this.#isFull = !this.#budget.hasRoom('digests', moreBytes);
    if (this.#isFull) return false;
    this.#budget.charge('digests', moreBytes);
    const longer = new Uint32Array(length);
    longer.set(this.#whole);
    this.#whole = longer;
    return true;
  }
}

function digestOf(memory: Uint8Array): number {
  return hash('sha1', memory, 'buffer').readUInt32LE(0) || 1;
}
