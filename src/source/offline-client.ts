import { OfflineError } from './errors.js';
import type { Request } from './request.js';
import type { CompleteClient } from './resource-client.js';

/** Replaces every source when none may be queried: only cached content can be read. */
export function offlineClient(): CompleteClient {
  const refuse = ({ url }: Request): Promise<never> => Promise.reject(new OfflineError(url));
  return {
    getContentLength: refuse,
    isSupportRange: refuse,
    isExpired: refuse,
    download: refuse,
    getLastModified: refuse,
    getMetadata: refuse,
    list: refuse,
  };
}
