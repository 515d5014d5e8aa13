import type { Logger } from 'pino';

import { scopedResource } from './credential-scope.js';
import { loadCredentialKey } from './credential-key.js';
import { prepareDirectory } from './directory.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import { DiskStore } from './disk-store.js';
import { DiskJobError, DiskThread } from './disk-thread.js';
import { Pins } from './pins.js';
import { Semaphore } from './semaphore.js';
import type { StoreContext } from './store-context.js';
import { RateLimitedLog } from './rate-limited-log.js';

/** At most this many reads of data files at once. */
const READS = 2;

/**
 * Opens the store in a directory, which may be in use by other processes of this user. Does not wait for the scan
 * of the directory. Rejects for one that cannot be used.
 */
export async function openDiskCache(options: DiskCacheOptions): Promise<DiskStore> {
  const { directory, credentialsFor, log } = options;
  const root = await prepareDirectory(directory);
  const resourceOf =
    credentialsFor === undefined
      ? (url: string) => url
      : scopedResource(await credentialKey(root, log), credentialsFor);
  const warnings = new RateLimitedLog(log, directory);
  const context: StoreContext = {
    options,
    root,
    resourceOf,
    idleFiles: { max: options.maxOpenFiles, files: new Set() },
    warnings,
    pins: new Pins(root, warnings),
    reads: new Semaphore(READS),
    checks: new Semaphore(1),
    inFlight: new Set(),
    thread: new DiskThread({ root, syncAfterMs: options.syncAfterMs }, (left, error) => {
      if (error !== undefined) warnings.warn('cannot make the store durable', new DiskJobError(error));
      log.debug({ directory, left }, 'disk cache: synced');
    }),
    writer: undefined,
    isClosing: false,
    corruptBlocks: 0,
  };
  const store = new DiskStore(context);
  await store.start();
  return store;
}

async function credentialKey(root: string, log: Logger): Promise<Buffer | undefined> {
  try {
    return await loadCredentialKey(root);
  } catch (error) {
    log.warn({ directory: root, err: error }, 'disk cache: stores nothing that is fetched with credentials');
    return undefined;
  }
}
