import type { ReadOptions } from '../cache/resource-cache.js';

/** The process that an operation is for. */
export interface Caller extends ReadOptions {
  /** The thread; 0 for one of another pid namespace, negative where the transport does not report it. */
  readonly id: number;
  /** The user, where the mount lets several in. */
  readonly uid?: number | undefined;
  /** Fires when the caller was interrupted. */
  readonly signal?: AbortSignal;
  /** The operation waits for what may never happen. */
  isFollowing?: boolean;
}
