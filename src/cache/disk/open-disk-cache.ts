import type { Logger } from 'pino';

import { BoundedMap } from '../../memory/bounded-map.js';
import { BackgroundSync } from './background-sync.js';
import { loadCredentialKey } from './credential-key.js';
import { Descriptors } from './descriptors.js';
import { DirectWrites } from './direct-writes.js';
import { prepareDirectory } from './directory.js';
import type { DiskCache } from './disk-cache.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import { DiskStore } from './disk-store.js';
import { Lane } from './lane.js';
import { ScopedDiskCache } from './scoped-disk-cache.js';
import type { StoreContext } from './store-context.js';
import { TroubleLog } from './trouble-log.js';

/** At most this many reads of data files at once. */
const READS = 2;
/** Of a confirmation. */
const CONFIRMATION_BYTES = 70;

/**
 * Opens the store in a directory, which may be in use by other processes of this user. Does not wait for the scan
 * of the directory. Rejects only for a directory that cannot be used, and if that is wanted (`ifUnusable`).
 */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskCache> {
  const { directory, log } = options;
  let root: string;
  try {
    root = await prepareDirectory(directory);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (options.ifUnusable === 'fail') {
      throw new Error(`the cache directory cannot be used: ${reason}`, { cause: error });
    }
    log.warn({ directory, err: error }, `disk cache: off, ${directory} cannot be used: ${reason}`);
    return new NoDiskCache();
  }
  const trouble = new TroubleLog(log, directory);
  const checks = new Lane(1);
  const descriptors = new Descriptors(options.maxOpenFiles);
  const context: StoreContext = {
    options,
    root,
    descriptors,
    direct: new DirectWrites(descriptors),
    trouble,
    reads: new Lane(READS),
    changes: new Lane(1),
    checks,
    sync: new BackgroundSync({
      root,
      afterMs: options.syncAfterMs,
      lane: checks,
      trouble,
      syncFileSystem: async () => await context.writer?.lock.syncFileSystem(),
      onSynced: (left) => log.debug({ directory, left }, 'disk cache: synced'),
    }),
    confirmations: new BoundedMap({
      budget: options.budget,
      bytesOf: () => CONFIRMATION_BYTES,
    }),
    writer: undefined,
    queuedBytes: 0,
    isClosing: false,
  };
  const store = new DiskStore(context);
  await store.start();
  const { credentialsFor } = options;
  if (credentialsFor === undefined) return store;
  return new ScopedDiskCache(store, await credentialKey(root, log), credentialsFor);
}

async function credentialKey(root: string, log: Logger): Promise<Buffer | undefined> {
  try {
    return await loadCredentialKey(root);
  } catch (error) {
    log.warn({ directory: root, err: error }, 'disk cache: stores nothing that is fetched with credentials');
    return undefined;
  }
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
