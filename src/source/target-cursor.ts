import { checksumOf } from '../checksum.js';
import { type BodyTarget, bytesOf } from './body-target.js';

/** As much as one read takes at most. */
const MAX_ROOM_BYTES = 256 * 1024;

/** How far a target is filled. */
export class TargetCursor {
  bytes = 0;
  readonly #target: BodyTarget;
  readonly #minBytes: number;
  #piece = 0;
  #at = 0;

  constructor(target: BodyTarget) {
    this.#target = target;
    this.#minBytes = Math.min(target.minBytes ?? Infinity, bytesOf(target.pieces));
  }

  /** `read` may resolve. */
  get isEnough(): boolean {
    return this.bytes >= this.#minBytes;
  }

  /** Where the next bytes go: the rest of a piece, with the pieces that lie right behind it. Undefined: it is full. */
  get room(): Uint8Array | undefined {
    const { pieces } = this.#target;
    const piece = pieces[this.#piece];
    if (piece === undefined) return undefined;
    const start = piece.byteOffset + this.#at;
    let end = piece.byteOffset + piece.byteLength;
    for (let next = this.#piece + 1; end - start < MAX_ROOM_BYTES; next += 1) {
      const behind = pieces[next];
      if (behind?.buffer !== piece.buffer || behind.byteOffset !== end) break;
      end += behind.byteLength;
    }
    return new Uint8Array(piece.buffer, start, end - start);
  }

  /** Takes what fits of the beginning of a chunk, and returns how much that is. What lies in its place already is not copied. */
  take(chunk: Uint8Array): number {
    const { pieces, onBytes, onPiece } = this.#target;
    let taken = 0;
    while (taken < chunk.byteLength) {
      const piece = pieces[this.#piece];
      if (piece === undefined) break;
      const bytes = Math.min(piece.byteLength - this.#at, chunk.byteLength - taken);
      const isThere =
        chunk.buffer === piece.buffer && chunk.byteOffset + taken === piece.byteOffset + this.#at;
      if (!isThere) copy(chunk.subarray(taken, taken + bytes), piece, this.#at);
      taken += bytes;
      this.#at += bytes;
      if (this.#at < piece.byteLength) break;
      onPiece?.(this.#piece, checksumOf(piece));
      this.#piece += 1;
      this.#at = 0;
    }
    this.bytes += taken;
    if (taken > 0) onBytes?.(this.bytes);
    return taken;
  }
}

/** By `fill`, which is one memcpy: `set` moves byte by byte what is shared between threads, at a third of the speed and less. */
function copy(bytes: Uint8Array, piece: Uint8Array, at: number): void {
  Buffer.from(piece.buffer, piece.byteOffset + at, bytes.byteLength).fill(bytes);
}

/** The part of a target from a byte on, of at most `maxBytes`, as a target: for a body that goes on from another response. */
export function partOf(target: BodyTarget, fromBytes: number, maxBytes: number): BodyTarget {
  const { pieces, minBytes, onBytes, onPiece } = target;
  const parts: Uint8Array[] = [];
  let [first, start, end] = [0, 0, 0];
  for (const [index, piece] of pieces.entries()) {
    [start, end] = [end, end + piece.byteLength];
    const [from, to] = [Math.max(start, fromBytes), Math.min(end, fromBytes + maxBytes)];
    if (from >= to) continue;
    if (parts.length === 0) first = index;
    parts.push(from === start && to === end ? piece : piece.subarray(from - start, to - start));
  }
  const bytes = bytesOf(parts);
  const last = first + parts.length - 1;
  const isLastCut = parts.at(-1)?.byteOffset !== undefined && !endsTogether(parts.at(-1), pieces[last]);
  return {
    pieces: parts,
    ...(minBytes !== undefined && { minBytes: Math.min(Math.max(1, minBytes - fromBytes), bytes) }),
    ...(onBytes && { onBytes: (count) => onBytes(fromBytes + count) }),
    ...(onPiece && {
      onPiece: (index, checksum) => {
        const piece = pieces[first + index];
        if (piece === undefined || (isLastCut && first + index === last)) return;
        onPiece(first + index, parts[index] === piece ? checksum : checksumOf(piece));
      },
    }),
  };
}

function endsTogether(part: Uint8Array | undefined, piece: Uint8Array | undefined): boolean {
  if (part === undefined || piece === undefined) return false;
  return part.byteOffset + part.byteLength === piece.byteOffset + piece.byteLength;
}
