import type { CheckedBlock } from './disk-cache.js';
import type { WriteJob } from './worker/file-changes.js';

/** Blocks as numbers for the other thread, and the memory that they lie in; what threads cannot share is copied. */
export function sharedBlocks(given: readonly CheckedBlock[]): Pick<WriteJob, 'memory' | 'blocks'> {
  const memory: SharedArrayBuffer[] = [];
  const blocks: number[] = [];
  for (const { index, checksum, bytes } of given) {
    const shared = sharedBytes(bytes);
    if (memory.at(-1) !== shared.buffer) memory.push(shared.buffer);
    blocks.push(index, checksum, memory.length - 1, shared.byteOffset, shared.byteLength);
  }
  return { memory, blocks };
}

function sharedBytes(bytes: Uint8Array): Uint8Array & { readonly buffer: SharedArrayBuffer } {
  const isShared = bytes.buffer instanceof SharedArrayBuffer;
  const shared = isShared ? bytes : new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  if (!isShared) shared.set(bytes);
  return shared as Uint8Array & { readonly buffer: SharedArrayBuffer };
}
