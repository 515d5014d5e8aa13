/** What the allocator takes from its heap. Larger memory is mapped anew each time, and its pages are cleared. */
const MAX_COPY_BYTES = 64 * 1024;

/** What a copy takes beside its bytes, which may be one. */
const COPY_BYTES = 256;

/** What a copy of the chunk takes of the memory. */
export function keptBytesOf(chunk: Uint8Array): number {
  return chunk.byteLength + COPY_BYTES;
}

/** A copy to keep, in pieces. */
export function copiesOf(chunk: Uint8Array): Uint8Array[] {
  const copies: Uint8Array[] = [];
  for (let at = 0; at < chunk.byteLength; at += MAX_COPY_BYTES) {
    const piece = chunk.subarray(at, at + MAX_COPY_BYTES);
    const copy = Buffer.allocUnsafeSlow(piece.byteLength);
    copy.set(piece);
    copies.push(copy);
  }
  return copies;
}
