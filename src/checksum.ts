import xxhash from 'xxhash-wasm';

const xxh = await xxhash();

/**
 * The checksum of a block, 32 bits: the lower half of its XXH64 with the seed 0 (xxHash fast digest algorithm, doc/xxhash_spec.md
 * of github.com/Cyan4973/xxHash). Detects damage, not intent. All content passes through it once, on its way to the
 * disk: the CRC-32 of zlib takes a third more of that time.
 */
export function checksumOf(bytes: Uint8Array): number {
  return Number(BigInt.asUintN(32, xxh.h64Raw(bytes)));
}
