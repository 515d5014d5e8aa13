import { createHash } from 'node:crypto';

import { ChangedError } from '../source/index.js';
import type { Block, BlockCache, VersionKey } from './block-cache.js';
import type { Version } from './version.js';

/** A block that is on its way. */
export interface PendingBlock {
  readonly block: Promise<Block>;
  readonly resolve: (block: Block) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The blocks of one version that are under way, each at most once: whoever needs one waits for the same
 * promise. An entry goes when its block arrives or fails; a failure is never kept.
 *
 * Blocks of a version that the source gives no validators for are compared by digest with what was
 * delivered under the same index before, so that evicted blocks cannot come back with other bytes.
 */
export class PendingBlocks {
  readonly #key: VersionKey;
  readonly #cache: BlockCache;
  readonly #pending = new Map<number, PendingBlock>();
  readonly #digests: Map<number, string> | undefined;

  constructor(key: VersionKey, version: Version, cache: BlockCache) {
    this.#key = key;
    this.#cache = cache;
    this.#digests = version.verifiable ? undefined : new Map();
  }

  get size(): number {
    return this.#pending.size;
  }

  /** The highest index under way, or -1. */
  get lastIndex(): number {
    return Math.max(-1, ...this.#pending.keys());
  }

  get(index: number): PendingBlock | undefined {
    return this.#pending.get(index);
  }

  isMissing(index: number): boolean {
    return !this.#pending.has(index) && !this.#cache.has(this.#key, index);
  }

  /** Announces a block that will be delivered or fail. */
  announce(index: number): PendingBlock {
    const known = this.#pending.get(index);
    if (known !== undefined) return known;
    const { promise, resolve, reject } = withResolvers<Block>();
    // A block that nobody waits for may fail in silence; its readers have their own branch of the promise.
    promise.catch(() => undefined);
    const entry = { block: promise, resolve, reject };
    this.#pending.set(index, entry);
    return entry;
  }

  /** Caches a block and hands it to whoever waits. Throws `ChangedError` if it contradicts an earlier delivery. */
  deliver(index: number, block: Block): void {
    if (this.#digests !== undefined) this.#compareDigest(this.#digests, index, block);
    this.#cache.put(this.#key, index, block);
    const entry = this.#pending.get(index);
    this.#pending.delete(index);
    entry?.resolve(block);
  }

  fail(index: number, error: unknown): void {
    const entry = this.#pending.get(index);
    this.#pending.delete(index);
    entry?.reject(error);
  }

  /** The resource turned out to end before these blocks: they are empty. */
  deliverPastEnd(firstPastEnd: number): void {
    for (const [index, entry] of this.#pending) {
      if (index < firstPastEnd) continue;
      this.#pending.delete(index);
      entry.resolve([]);
    }
  }

  failAll(error: unknown): void {
    for (const index of this.#pending.keys()) this.fail(index, error);
  }

  #compareDigest(digests: Map<number, string>, index: number, block: Block): void {
    const hash = createHash('sha1');
    for (const piece of block) hash.update(piece);
    const digest = hash.digest('base64');
    const before = digests.get(index);
    if (before !== undefined && before !== digest) {
      throw new ChangedError(this.#key.resource, {
        expected: `block ${index} as it was read before`,
        found: 'other bytes, and no validators that would tell the version',
      });
    }
    digests.set(index, digest);
  }
}

interface Resolvers<Value> {
  readonly promise: Promise<Value>;
  readonly resolve: (value: Value) => void;
  readonly reject: (error: unknown) => void;
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function withResolvers<Value>(): Resolvers<Value> {
  let resolve: Resolvers<Value>['resolve'] = () => undefined;
  let reject: Resolvers<Value>['reject'] = () => undefined;
  const promise = new Promise<Value>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
