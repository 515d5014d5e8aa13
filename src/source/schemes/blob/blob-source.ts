/** The source abs, as far as it is known before it is used. */
import type { SourceFactory } from '../../source.js';

/** The parameters that choose a version of a blob. */
export const VERSION_PARAMETERS = ['versionid', 'snapshot'];

export const BLOB_SOURCE: SourceFactory = {
  schemes: ['abs'],
  capabilities: {
    isHierarchical: true,
    // A container (`$web` too), or the host of an account.
    hostOf: (name) => (/^(?:\$[a-z]+|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/.test(name) ? name : undefined),
    queries: VERSION_PARAMETERS,
  },
  create: async (context) => (await import('./create-blob-source.js')).createBlobSource(context),
};
