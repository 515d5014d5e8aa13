import { LRUCache } from 'lru-cache';

import type { AbsSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { BlobAccess } from './blob-access.js';
import { blobAccount } from './blob-address.js';
import { createBlobClient } from './blob-client.js';

const MAX_ACCOUNTS = 1_000;

export function createBlobSource(context: SourceContext): SourceClient {
  const { engine, log } = context;
  /** By the settings, which are the same object while the configuration is the same, and by the account. */
  const accesses = new WeakMap<AbsSettings, LRUCache<string, BlobAccess>>();
  return createBlobClient({
    engine,
    log,
    peers: context.peers,
    accessFor: (url) => {
      const settings = context.settingsFor(url) as AbsSettings;
      const account = blobAccount(url.host, settings);
      const known = accesses.get(settings) ?? new LRUCache<string, BlobAccess>({ max: MAX_ACCOUNTS });
      accesses.set(settings, known);
      const key = `${account.account} ${account.endpoint.href}`;
      const access = known.get(key) ?? new BlobAccess(settings, account);
      known.set(key, access);
      return access;
    },
  });
}
