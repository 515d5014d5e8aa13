import type { CheckedBlock } from './disk-cache.js';

const PAGE_BYTES = 4096;

/** Blocks as numbers for the other thread, and the memory that they lie in: see `WriteJob`. */
export interface SharedBlocks {
  readonly memory: SharedArrayBuffer[];
  readonly blocks: number[];
}

/** What lies in memory that threads cannot share is copied, to the start of a page (for direct writes). */
export function sharedBlocks(
  given: readonly CheckedBlock[],
  addressOf: (memory: Uint8Array) => bigint,
): SharedBlocks {
  const memory: SharedArrayBuffer[] = [];
  const blocks: number[] = [];
  let copies: Uint8Array | undefined;
  for (const [i, { index, checksum, bytes }] of given.entries()) {
    let shared = bytes;
    if (!(bytes.buffer instanceof SharedArrayBuffer)) {
      copies ??= pageAligned(unsharedBytes(given.slice(i)), addressOf);
      shared = copies.subarray(0, bytes.byteLength);
      copies = copies.subarray(bytes.byteLength);
      shared.set(bytes);
    }
    const buffer = shared.buffer as unknown as SharedArrayBuffer;
    if (memory.at(-1) !== buffer) memory.push(buffer);
    blocks.push(index, checksum, memory.length - 1, shared.byteOffset, shared.byteLength);
  }
  return { memory, blocks };
}

function unsharedBytes(blocks: readonly CheckedBlock[]): number {
  return blocks.reduce(
    (sum, { bytes }) => sum + (bytes.buffer instanceof SharedArrayBuffer ? 0 : bytes.byteLength),
    0,
  );
}

function pageAligned(bytes: number, addressOf: (memory: Uint8Array) => bigint): Uint8Array {
  if (bytes < PAGE_BYTES) return new Uint8Array(new SharedArrayBuffer(bytes));
  const memory = new Uint8Array(new SharedArrayBuffer(bytes + PAGE_BYTES));
  const beyond = Number(addressOf(memory) % BigInt(PAGE_BYTES));
  return memory.subarray(beyond === 0 ? 0 : PAGE_BYTES - beyond);
}
