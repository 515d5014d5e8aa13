/** Bits of a number that is shifted. */
export const MAX_SLAB_BUFFERS = 32;

/** Returns `bytes` bytes, zeroed or not; what is not touched of them costs nothing yet. */
export type AllocateMemory = (bytes: number) => Buffer;

export interface BufferPoolOptions {
  readonly bufferBytes: number;
  /** What lies in one piece: at most `MAX_SLAB_BUFFERS`. */
  readonly slabBuffers: number;
  /** Memory is allocated for so many slabs at once. */
  readonly arenaSlabs: number;
  readonly allocate: AllocateMemory;
}

/**
 * Buffers of one block each, cut from slabs so that a run of blocks can lie in one piece, which one system call fills. Slabs are
 * cut from arenas, as large as huge pages need. The slab that got a buffer back last is used first, from its lowest free buffer
 * on: it is still in the processor's caches, and what is taken in a row is adjacent.
 */
export class BufferPool {
  readonly #options: BufferPoolOptions;
  readonly #arenas = new WeakMap<ArrayBufferLike, Arena>();
  /** Those with something free; the last is used next. */
  readonly #open: Slab[] = [];
  #newest: Arena;
  #allocatedBytes = 0;

  constructor(options: BufferPoolOptions) {
    this.#options = options;
    this.#newest = this.#addArena();
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
    const place = this.#placeOf(buffer);
    if (place === undefined) return undefined;
    const behind = place.number + 1;
    // A number is shifted by no more than the bits that it has.
    if (behind === this.#options.slabBuffers || (place.slab.free & (1 << behind)) === 0) return undefined;
    return this.#cut(place.slab, behind);
  }

  /** Memory that is not of this pool is left to the collector. */
  release(buffer: Uint8Array): void {
    const place = this.#placeOf(buffer);
    if (place === undefined) return;
    if (place.slab.free === 0) this.#open.push(place.slab);
    place.slab.free |= 1 << place.number;
  }

  #placeOf(buffer: Uint8Array): { slab: Slab; number: number } | undefined {
    const arena = this.#arenas.get(buffer.buffer);
    if (arena === undefined) return undefined;
    const { bufferBytes, slabBuffers } = this.#options;
    const index = (buffer.byteOffset - arena.memory.byteOffset) / bufferBytes;
    const slab = arena.slabs[Math.floor(index / slabBuffers)];
    return slab && { slab, number: index % slabBuffers };
  }

  #cut(slab: Slab, number: number): Uint8Array {
    slab.free &= ~(1 << number);
    if (slab.free === 0) this.#open.splice(this.#open.lastIndexOf(slab), 1);
    const { bufferBytes } = this.#options;
    return slab.memory.subarray(number * bufferBytes, (number + 1) * bufferBytes);
  }

  #allocate(): Slab {
    const { bufferBytes, slabBuffers, arenaSlabs } = this.#options;
    if (this.#newest.slabs.length === arenaSlabs) this.#newest = this.#addArena();
    const { memory, slabs } = this.#newest;
    const slabBytes = slabBuffers * bufferBytes;
    const start = slabs.length * slabBytes;
    const slab = { memory: memory.subarray(start, start + slabBytes), free: (2 ** slabBuffers - 1) | 0 };
    slabs.push(slab);
    this.#open.push(slab);
    this.#allocatedBytes += slabBytes;
    return slab;
  }

  #addArena(): Arena {
    const { bufferBytes, slabBuffers, arenaSlabs, allocate } = this.#options;
    const memory = allocate(arenaSlabs * slabBuffers * bufferBytes);
    const arena = { memory, slabs: [] };
    this.#arenas.set(memory.buffer, arena);
    return arena;
  }
}

interface Arena {
  readonly memory: Buffer;
  /** Those that were cut so far, from its start on. */
  readonly slabs: Slab[];
}

interface Slab {
  readonly memory: Buffer;
  /** A bit for each buffer. */
  free: number;
}

function lowestBit(bits: number): number {
  return 31 - Math.clz32(bits & -bits);
}
