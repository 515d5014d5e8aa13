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

export interface BlockCache {
  readonly blockBytes: number;
  /** The block's bytes, never to be written to; they stay valid for whoever holds them, evicted or not. */
  get(key: VersionKey, index: number): Uint8Array | undefined;
  /** Whether `get` would find the block. Does not count as a use. */
  has(key: VersionKey, index: number): boolean;
  put(key: VersionKey, index: number, bytes: Uint8Array): void;
  /** How many bytes of the version are here. */
  cachedBytes(key: VersionKey): number;
  /** Forgets all blocks of a version. */
  drop(key: VersionKey): void;
}
