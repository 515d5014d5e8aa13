import { type BodyReader, bodyReader, type Response } from '../../source/index.js';
import type { ContentCheck } from '../content-check.js';

export interface BodyPart {
  /** Where it goes. */
  readonly pieces: readonly Uint8Array[];
  /** The body is read to its end, which is to come behind the part: one byte more shows that it does not. */
  readonly isLast?: boolean;
  /** The first `bytes` bytes of the part are there. May throw: see `throwFault`. */
  readonly onBytes?: (bytes: number) => void;
  /** See `BodyTarget`. */
  readonly onPiece?: ((index: number, checksum: number) => void) | undefined;
}

/** A body that is read part by part, and compared with the digest of all its bytes. */
export class CheckedBody {
  readonly #response: Response;
  readonly #body: BodyReader;
  readonly #check: ContentCheck | undefined;
  #fault: { readonly error: unknown } | undefined;

  constructor(response: Response, check: ContentCheck | undefined) {
    this.#response = response;
    this.#body = bodyReader(response);
    this.#check = check;
  }

  /** Resolves to how many bytes have come: fewer than there is room for where the body has ended. */
  read({ pieces, isLast, onBytes, onPiece }: BodyPart): Promise<number> {
    let arrived = 0;
    return this.#body.read({
      pieces: isLast === true ? [...pieces, new Uint8Array(1)] : pieces,
      onBytes: (bytes) => {
        if (this.#check !== undefined)
          for (const part of partsOf(pieces, arrived, bytes)) this.#check.update(part);
        arrived = bytes;
        if (this.#fault === undefined) this.#report(bytes, onBytes);
      },
      ...(onPiece === undefined ? {} : { onPiece }),
    });
  }

  #report(bytes: number, onBytes: BodyPart['onBytes']): void {
    try {
      onBytes?.(bytes);
    } catch (error) {
      this.#fault = { error };
      // The body is in the midst of something.
      queueMicrotask(() => this.#response.cancel());
    }
  }

  /** Throws what `onBytes` has thrown: then the body was cancelled, and its own error is of no interest. */
  throwFault(): void {
    if (this.#fault !== undefined) throw this.#fault.error;
  }

  /** Reads bytes that are not needed, into memory that is written over. */
  async passOver(bytes: number, pieces: readonly Uint8Array[]): Promise<void> {
    for (let left = bytes; left > 0;) {
      const passed = await this.#body.read({ pieces: partsOf(pieces, 0, left) });
      // It has ended: the next read shows it.
      if (passed === 0) return;
      left -= passed;
    }
  }

  /** All bytes were there. Throws `CorruptError` if they do not have the digest. */
  finish(url: string): void {
    this.#check?.finish(url);
  }
}

/** The bytes `[from, to)` of pieces that are laid end to end. */
export function partsOf(pieces: readonly Uint8Array[], from: number, to: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.byteLength;
    if (start >= to) break;
    const isWhole = from <= start && end <= to;
    if (isWhole) parts.push(piece);
    else if (end > from) parts.push(piece.subarray(Math.max(0, from - start), to - start));
    start = end;
  }
  return parts;
}
