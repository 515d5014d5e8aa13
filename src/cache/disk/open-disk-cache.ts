import type { Logger } from 'pino';

import { scopedResource } from './credential-scope.js';
import { loadCredentialKey } from './credential-key.js';
import { prepareDirectory } from './directory.js';
import type { DiskCacheOptions } from './disk-cache-options.js';
import { DiskStore } from './disk-store.js';
import { StoreContext } from './store-context.js';

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
  const store = new DiskStore(new StoreContext(options, root, resourceOf));
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
