import type { ReadOptions } from '../cache/resource-cache.js';

/** The process that an operation is for. */
export interface Caller extends ReadOptions {
  /** The thread; 0 for one of another pid namespace, negative where the transport does not report it. */
  readonly id: number;
  /** Fires when the caller was interrupted. */
  readonly signal?: AbortSignal | undefined;
  /** The operation waits for what may never happen. */
  isFollowing?: boolean;
}
