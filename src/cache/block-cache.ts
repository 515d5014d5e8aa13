/**
 * Where cached bytes lie. A block is `blockBytes` long (the last one of a resource may be shorter) and is
 * keyed by the version it belongs to, so that stale bytes cannot be found by construction.
 *
 * A cache never fails a read: a miss is `undefined`, and what cannot be stored is simply not stored.
 */

/** One version of one resource: nothing else has the same bytes under this key. */
export interface VersionKey {
  /** The resource's URL. */
  readonly resource: string;
  /** `Version.id`. */
  readonly version: string;
}

/**
 * The bytes of one block, as pieces laid end to end, so that what a source handed over need not be copied.
 * Never to be written to.
 */
export type Block = readonly Uint8Array[];

export function bytesOf(block: Block): number {
  return block.reduce((bytes, piece) => bytes + piece.byteLength, 0);
}

export interface BlockCache {
  readonly blockBytes: number;
  /** The block; its bytes stay valid for whoever holds them, evicted or not. */
  get(key: VersionKey, index: number): Block | undefined;
  /** Whether `get` would find the block. Does not count as a use. */
  has(key: VersionKey, index: number): boolean;
  put(key: VersionKey, index: number, block: Block): void;
  /** How many bytes of the version are here. */
  cachedBytes(key: VersionKey): number;
  /** Forgets all blocks of a version. */
  drop(key: VersionKey): void;
}
