import { SourceError } from './errors.js';
import type { Metadata } from './metadata.js';
import type { Request } from './request.js';
import type { ResourceClient } from './resource-client.js';

type MetadataMethods = Required<
  Pick<
    ResourceClient,
    'getMetadata' | 'isExpired' | 'getContentLength' | 'isSupportRange' | 'getLastModified'
  >
>;

/** What a client answers by its metadata alone, where the entity tag identifies the version. What is missing is expired. */
export function metadataMethods(getMetadata: (request: Request) => Promise<Metadata>): MetadataMethods {
  return {
    getMetadata,
    isExpired: async (request, { etag }) => {
      if (etag === undefined) return true;
      try {
        return (await getMetadata(request)).etag !== etag;
      } catch (error) {
        if (error instanceof SourceError && error.code === 'NOT_FOUND') return true;
        throw error;
      }
    },
    getContentLength: async (request) => (await getMetadata(request)).contentLength,
    isSupportRange: async (request) => (await getMetadata(request)).supportRange,
    getLastModified: async (request) => (await getMetadata(request)).lastModified,
  };
}
