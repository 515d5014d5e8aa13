import type { CacheActivity } from './cache-activity.js';
import type { DiskReport } from './disk/disk-cache.js';

/** What the cache holds, and what it has done. */
export interface CacheReport {
  readonly activity: CacheActivity;
  readonly memory: { readonly bytes: number; readonly committedBytes: number; readonly limitBytes: number };
  /** For names. */
  readonly metadata: { readonly bytes: number; readonly limitBytes: number };
  /** Undefined: there is no disk cache. */
  readonly disk: DiskReport | undefined;
}
