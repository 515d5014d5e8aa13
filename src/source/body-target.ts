/** Where the next bytes of a body go. The memory is the body's until `read` has settled, and never after that. */
export interface BodyTarget {
  /** Laid end to end; at least one, and none empty. What is shared between threads may be written by another one. */
  readonly pieces: readonly Uint8Array[];
  /** `read` resolves as soon as so many bytes are there. Default: when the target is full. */
  readonly minBytes?: number;
  /** The first `bytes` bytes are there: more than at the last call. Must not throw. */
  readonly onBytes?: (bytes: number) => void;
  /**
   * A piece is full, and this is `checksumOf` it. In ascending order, each before `onBytes` counts its last byte. Must not
   * throw.
   */
  readonly onPiece?: (index: number, checksum: number) => void;
}

export interface BodyReader {
  /**
   * Reads until the target is full, or the body ends; resolves to how many bytes of it are there. Not to be called again before
   * that. Between two calls the sender is held up. Rejects with the errors of the source, and when the response is cancelled.
   */
  read(target: BodyTarget): Promise<number>;
}

export function bytesOf(pieces: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { byteLength } of pieces) bytes += byteLength;
  return bytes;
}
