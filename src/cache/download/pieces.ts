/** The bytes `[from, to)` of pieces that are laid end to end. */
export function partsOf(pieces: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.byteLength;
    if (start >= to) break;
    if (end > from)
      parts.push(piece.subarray(Math.max(0, from - start), Math.min(piece.byteLength, to - start)));
    start = end;
  }
  return parts;
}
