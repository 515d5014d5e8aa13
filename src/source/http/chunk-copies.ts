/** What the allocator takes from its heap. Larger memory is mapped anew each time, and its pages are cleared. */
const MAX_COPY_BYTES = 64 * 1024;

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
