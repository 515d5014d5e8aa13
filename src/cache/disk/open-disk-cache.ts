import { join } from 'node:path';

import { LRUCache } from 'lru-cache';

import { Descriptors } from './descriptors.js';
import { DirectWrites } from './direct-writes.js';
import { prepareDirectory } from './directory.js';
import type { DiskCache } from './disk-cache.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import { DiskStore } from './disk-store.js';
import { Lane } from './lane.js';
import { LAYOUT_DIRECTORY } from './layout.js';
import { TroubleLog } from './trouble-log.js';

/** At most this many reads of data files at once. */
const READS = 2;
/** More than wait to be stored at any time. */
const MAX_CONFIRMATIONS = 50_000;

/**
 * Opens the store in a directory, which may be in use by other processes of this user. A directory that cannot
 * be used turns the store off, with a warning. Does not wait for the scan of the directory. Never rejects.
 */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  const { directory, log } = options;
  try {
    await prepareDirectory(directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.warn({ directory, err: error }, `disk cache: off, ${directory} cannot be used: ${reason}`);
    return new NoDiskCache();
  }
  const descriptors = new Descriptors(options.maxOpenFiles);
  const store = new DiskStore({
    options,
    root: join(directory, LAYOUT_DIRECTORY),
    descriptors,
    direct: new DirectWrites(descriptors),
    trouble: new TroubleLog(log, directory),
    reads: new Lane(READS),
    changes: new Lane(1),
    checks: new Lane(1),
    unsynced: new Set(),
    confirmations: new LRUCache({ max: MAX_CONFIRMATIONS }),
    writer: undefined,
    queuedBytes: 0,
    isClosing: false,
  });
  await store.start();
  return store;
}

/** Stores nothing. */
class NoDiskCache implements DiskCache {
  readonly usedBytes = 0;

  mayHave(): boolean {
    return false;
  }

  open(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  newest(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  confirm(): void {}

  drop(): void {}

  close(): Promise<void> {
    return Promise.resolve();
  }
}
