/** Bits of a number that is free to be shifted. */
export const MAX_SLAB_BUFFERS = 31;

/**
 * Buffers of one block each, cut from slabs, so that a run of blocks can lie in one piece: then one system
 * call fills all of it.
 *
 * The slab that something was given back to last is used first, from its lowest free buffer on. So memory
 * that is still in the processor's caches is used again, and what is taken in a row is adjacent.
 */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #slabBuffers: number;
  readonly #slabs = new WeakMap<ArrayBufferLike, Slab>();
  /** Those with something free; the last is used next. */
  readonly #open: Slab[] = [];
  #allocatedBytes = 0;

  /** `slabBuffers`: at most `MAX_SLAB_BUFFERS`. */
  constructor(bufferBytes: number, slabBuffers: number) {
    this.bufferBytes = bufferBytes;
    this.#slabBuffers = slabBuffers;
  }

  /** Of all slabs. They are never given back. */
  get allocatedBytes(): number {
    return this.#allocatedBytes;
  }

  take(): Uint8Array {
    const slab = this.#open.at(-1) ?? this.#allocate();
    return this.#cut(slab, lowestBit(slab.free));
  }

  /** The buffer right behind `buffer`, if it is free. */
  takeBehind(buffer: Uint8Array): Uint8Array | undefined {
    const slab = this.#slabs.get(buffer.buffer);
    if (slab === undefined) return undefined;
    const number = buffer.byteOffset / this.bufferBytes + 1;
    return (slab.free & (1 << number)) === 0 ? undefined : this.#cut(slab, number);
  }

  /** Memory that is not of this pool is left to the collector. */
  giveBack(buffer: Uint8Array): void {
    const slab = this.#slabs.get(buffer.buffer);
    if (slab === undefined) return;
    if (slab.free === 0) this.#open.push(slab);
    slab.free |= 1 << (buffer.byteOffset / this.bufferBytes);
  }

  #cut(slab: Slab, number: number): Uint8Array {
    slab.free &= ~(1 << number);
    if (slab.free === 0) this.#open.splice(this.#open.lastIndexOf(slab), 1);
    return slab.memory.subarray(number * this.bufferBytes, (number + 1) * this.bufferBytes);
  }

  #allocate(): Slab {
    const memory = Buffer.allocUnsafeSlow(this.#slabBuffers * this.bufferBytes);
    const slab = { memory, free: 2 ** this.#slabBuffers - 1 };
    this.#slabs.set(memory.buffer, slab);
    this.#open.push(slab);
    this.#allocatedBytes += memory.byteLength;
    return slab;
  }
}

interface Slab {
  readonly memory: Buffer;
  /** A bit for each buffer. */
  free: number;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
