import { codeOf } from '../../error-code.js';
import type { Syscalls } from '../../native/posix.js';
import type { Catalog } from './catalog.js';
import type { ResourceOf } from './credential-scope.js';
import type { IdleFiles } from './data-file.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import { DiskJobError, DiskThread } from './disk-thread.js';
import { Pins } from './pins.js';
import { RateLimitedLog } from './rate-limited-log.js';
import { Semaphore } from './semaphore.js';

/** What this process holds while it is the one that writes. The system releases the lock when the process ends, however it ends. */
export interface Writer {
  readonly catalog: Catalog;
  /** Of the lock. */
  readonly fd: number;
  readonly syscalls: Syscalls;
  /** When it was seen last that the path is that of the lock. */
  checkedAtMs: number;
}

/** At most this many reads of data files at once: libuv has four threads for all files, names and devices of the process. */
const READS = 2;

/** What the parts of an open store share. */
export class StoreContext {
  readonly options: DiskCacheOptions;
  /** `<cache dir>/v4` */
  readonly root: string;
  readonly resourceOf: ResourceOf;
  readonly idleFiles: IdleFiles;
  readonly warnings: RateLimitedLog;
  readonly pins: Pins;
  readonly thread: DiskThread;
  readonly reads = new Semaphore(READS);
  /** One slow look at a file at a time. */
  readonly checks = new Semaphore(1);
  /** What goes on with entries. */
  readonly inFlight = new Set<Promise<unknown>>();
  /** Undefined: this process reads what another one writes. */
  writer: Writer | undefined;
  isClosing = false;
  /** Whose checksum was wrong. */
  corruptBlocks = 0;

  constructor(options: DiskCacheOptions, root: string, resourceOf: ResourceOf) {
    const { directory, log, maxOpenFiles, syncAfterMs } = options;
    this.options = options;
    this.root = root;
    this.resourceOf = resourceOf;
    this.idleFiles = { max: maxOpenFiles, files: new Set() };
    this.warnings = new RateLimitedLog(log, directory);
    this.pins = new Pins(root, this.warnings);
    this.thread = new DiskThread({ root, syncAfterMs }, (left, error) => {
      if (error !== undefined) this.warnings.warn('cannot make the store durable', new DiskJobError(error));
      log.debug({ directory, left }, 'disk cache: synced');
    });
  }
}

/** Whether a file is missing that another process may have removed. */
export function isGone({ writer }: StoreContext, error: unknown): boolean {
  return writer === undefined && codeOf(error) === 'ENOENT';
}
