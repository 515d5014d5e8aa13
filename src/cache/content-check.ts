import { createHash } from 'node:crypto';

import { type ContentDigest, CorruptError } from '../source/index.js';

/** Reversed, as these checksums are. */
const CRC_POLYNOMIALS = {
  crc32c: 0x82f63b78,
  crc64nvme: '9a6c9329ac4bc9b5',
  crc64xz: 'c96c5795d7870f42',
} as const;

interface Digester {
  update(bytes: Uint8Array): unknown;
  digest(encoding: 'hex'): string;
}

/** Compares all bytes of a version, from its first to its last, with the digest that the source gives. */
export class ContentCheck {
  readonly #expected: ContentDigest;
  readonly #digester: Digester;
  #found: string | undefined;

  private constructor(expected: ContentDigest, digester: Digester) {
    this.#expected = expected;
    this.#digester = digester;
  }

  static async of(expected: ContentDigest): Promise<ContentCheck> {
    return new ContentCheck(expected, await digesterOf(expected.algorithm));
  }

  update(bytes: Uint8Array): void {
    if (this.#found === undefined) this.#digester.update(bytes);
  }

  /** All bytes were there: the digest that was found, if it is another. */
  mismatch(): string | undefined {
    this.#found ??= this.#digester.digest('hex');
    return this.#found === this.#expected.hex ? undefined : this.#found;
  }

  /** Throws `CorruptError` if the digest is another. */
  finish(url: string): void {
    const found = this.mismatch();
    if (found !== undefined) throw new CorruptError(url, this.#expected, found);
  }
}

async function digesterOf(algorithm: ContentDigest['algorithm']): Promise<Digester> {
  if (algorithm === 'sha256' || algorithm === 'md5') return createHash(algorithm);
  const { createCRC32, createCRC64 } = await import('hash-wasm');
  const polynomial = CRC_POLYNOMIALS[algorithm];
  const digester = await (typeof polynomial === 'number' ? createCRC32(polynomial) : createCRC64(polynomial));
  return digester.init();
}
