import { isAscii } from 'node:buffer';

import { textOfBytes } from './byte-text.js';

/** Long enough that a piece costs nothing beside its characters, short enough for one turn. */
const PIECE_BYTES = 16 * 1024;

/**
 * A body as text in pieces: each but the last is of `PIECE_BYTES` or somewhat less, and no character is cut in two. However small
 * the chunks are that come, what reads the text does so in pieces.
 */
export class TextPieces {
  /** Of the next piece: each byte of a small chunk is copied once. */
  readonly #left = Buffer.allocUnsafeSlow(PIECE_BYTES);
  #leftBytes = 0;

  /** The pieces that are whole with these bytes, each as text; the bytes are needed until the last was taken. */
  *add(chunk: Uint8Array): Generator<string> {
    if (this.#leftBytes + chunk.byteLength <= PIECE_BYTES) return this.#keep(chunk);
    const left = this.#left.subarray(0, this.#leftBytes);
    const bytes =
      left.length > 0
        ? Buffer.concat([left, chunk])
        : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let at = 0;
    // What follows a piece has to be seen, so as not to cut a character.
    while (bytes.length - at > PIECE_BYTES) {
      const end = characterEnd(bytes, at + PIECE_BYTES);
      yield textOf(bytes.subarray(at, end));
      at = end;
    }
    this.#leftBytes = 0;
    this.#keep(bytes.subarray(at));
  }

  /** What is left. */
  end(): string {
    return textOf(this.#left.subarray(0, this.#leftBytes));
  }

  #keep(bytes: Uint8Array): void {
    this.#left.set(bytes, this.#leftBytes);
    this.#leftBytes += bytes.byteLength;
  }
}

/** Not behind `end`, and not within a character of UTF-8. */
function characterEnd(bytes: Buffer, end: number): number {
  let at = end;
  while (at > end - 3 && isContinuation(bytes[at])) at -= 1;
  return isContinuation(bytes[at]) ? end : at;
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

function textOf(bytes: Buffer): string {
  return isAscii(bytes) ? bytes.toString('latin1') : textOfBytes(bytes);
}
