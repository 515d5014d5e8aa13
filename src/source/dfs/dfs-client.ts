/**
 * Dragonfly's example of a source (pkg/source/clients/example/dfs.go), kept as it is: every path is a file
 * that says "hello world", and two of the five methods are not implemented. Copy it to begin a new source.
 */
import type { ResourceClient } from '../resource-client.js';
import { newResponse } from '../response.js';

const CONTENT = 'hello world';

export function createDfsClient(): ResourceClient {
  return {
    getContentLength: () => Promise.resolve(Buffer.byteLength(CONTENT)),
    isSupportRange: () => Promise.resolve(false),
    isExpired: () => Promise.reject(new Error('implement me')),
    download: () => Promise.resolve(newResponse(CONTENT)),
    getLastModified: () => Promise.reject(new Error('implement me')),
  };
}
