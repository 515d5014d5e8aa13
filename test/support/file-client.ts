import { validatingClient } from '../../src/source/validating-client.js';
import { type CompleteClient, type ResourceClient, UNKNOWN_SOURCE_FILE_LEN } from '../../src/source/index.js';

export interface FileTraits {
  /** In bytes; undefined: unknown. */
  readonly contentLength?: number;
  readonly supportRange: boolean;
}

/** A source of one file that never changes: how it sends it is what a test is about. */
export function fileClient(traits: FileTraits, download: ResourceClient['download']): CompleteClient {
  const { contentLength = UNKNOWN_SOURCE_FILE_LEN, supportRange } = traits;
  const client: ResourceClient = {
    getContentLength: async () => contentLength,
    isSupportRange: async () => supportRange,
    getLastModified: async () => -1,
    isExpired: async () => false,
    getMetadata: async () => ({ kind: 'file', contentLength, supportRange, lastModified: -1, etag: '"1"' }),
    download,
  };
  return validatingClient(client);
}
