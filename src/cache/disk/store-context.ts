import { codeOf } from '../../error-code.js';
import type { Syscalls } from '../../native/posix.js';
import type { Catalog } from './catalog.js';
import type { ResourceOf } from './credential-scope.js';
import type { IdleFiles } from './data-file.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import type { DiskThread } from './disk-thread.js';
import type { Pins } from './pins.js';
import type { RateLimitedLog } from './rate-limited-log.js';
import type { Semaphore } from './semaphore.js';

/** What this process holds while it is the one that writes. The system releases the lock when the process ends, however it ends. */
export interface Writer {
  readonly catalog: Catalog;
  /** Of the lock. */
  readonly fd: number;
  readonly syscalls: Syscalls;
  /** When it was seen last that the path is that of the lock. */
  checkedAtMs: number;
}

/** What the parts of an open store share. */
export interface StoreContext {
  readonly options: DiskCacheOptions;
  /** `<cache dir>/v4` */
  readonly root: string;
  readonly resourceOf: ResourceOf;
  readonly idleFiles: IdleFiles;
  readonly warnings: RateLimitedLog;
  readonly pins: Pins;
  /** libuv has four threads for all files, names and devices of the process: so few reads run at once. */
  readonly reads: Semaphore;
  /** One slow look at a file at a time. */
  readonly checks: Semaphore;
  readonly thread: DiskThread;
  /** What goes on with entries. */
  readonly inFlight: Set<Promise<unknown>>;
  /** Undefined: this process reads what another one writes. */
  writer: Writer | undefined;
  isClosing: boolean;
  /** Whose checksum was wrong. */
  corruptBlocks: number;
}

/** Whether a file is missing that another process may have removed. */
export function isGone({ writer }: StoreContext, error: unknown): boolean {
  return writer === undefined && codeOf(error) === 'ENOENT';
}
