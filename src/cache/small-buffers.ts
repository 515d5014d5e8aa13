const ALIGNMENT_BYTES = 64;

/**
 * Memory for short pieces, cut from slabs one behind the other: an allocation of its own for each takes the time of a
 * small answer, and brings the collector closer. A slab goes when all that was cut from it was given
 * back: pieces are mostly given back in the order in which they were taken.
 */
export class SmallBuffers {
  readonly #slabBytes: number;
  /** How many pieces of each are in use. */
  readonly #used = new Map<ArrayBufferLike, number>();
  #newest: Buffer | undefined;
  #cutBytes = 0;

  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
  }

  /** Of all slabs. */
  get allocatedBytes(): number {
    return this.#used.size * this.#slabBytes;
  }

  /** Memory of so many bytes; undefined if that takes more than `roomBytes` of new memory, or is no short piece. */
  take(bytes: number, roomBytes: number): Uint8Array | undefined {
    const slabBytes = this.#slabBytes;
    if (bytes > slabBytes / 2) return undefined;
    if (this.#newest === undefined || this.#cutBytes + bytes > slabBytes) {
      if (roomBytes < slabBytes) return undefined;
      this.#newest = Buffer.allocUnsafeSlow(slabBytes);
      this.#cutBytes = 0;
      this.#used.set(this.#newest.buffer, 0);
    }
    const { buffer } = this.#newest;
    const piece = this.#newest.subarray(this.#cutBytes, this.#cutBytes + bytes);
    this.#cutBytes = Math.ceil((this.#cutBytes + bytes) / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
    this.#used.set(buffer, (this.#used.get(buffer) ?? 0) + 1);
    return piece;
  }

  giveBack({ buffer }: Uint8Array): void {
    const used = this.#used.get(buffer);
    if (used === undefined) return;
    if (used > 1) {
      this.#used.set(buffer, used - 1);
    } else {
      this.#used.delete(buffer);
      if (this.#newest?.buffer === buffer) this.#newest = undefined;
    }
  }
}
