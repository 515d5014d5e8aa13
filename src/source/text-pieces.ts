import { isAscii } from 'node:buffer';

import { textOfBytes } from './byte-text.js';

/** Long enough that a piece costs nothing beside its characters, short enough for one turn. */
const PIECE_BYTES = 16 * 1024;

/**
 * A body as text in pieces: each is of `PIECE_BYTES` or somewhat more, and no character is cut in two. However small
 * the chunks are that come, what reads the text does so in pieces.
 */
export class TextPieces {
  #left = Buffer.alloc(0);

  /** The pieces that are whole with these bytes, each as text; the bytes are needed until the last was taken. */
  *add(chunk: Uint8Array): Generator<string> {
    let bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    if (this.#left.length > 0) bytes = Buffer.concat([this.#left, bytes]);
    let at = 0;
    while (bytes.length - at >= PIECE_BYTES) {
      const end = characterEnd(bytes, at + PIECE_BYTES);
      yield textOf(bytes.subarray(at, end));
      at = end;
    }
    this.#left = Buffer.from(bytes.subarray(at));
  }

  /** What is left. */
  end(): string {
    return textOf(this.#left);
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
