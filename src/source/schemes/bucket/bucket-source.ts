/** The sources s3, oss, gs, cos and obs, as far as they are known before the first of them is used. */
import type { SourceFactory } from '../../source.js';
import { type BucketScheme, isBucketName } from './dialects.js';
import { VERSION_PARAMETERS } from './object-version.js';

const SCHEMES: readonly BucketScheme[] = ['s3', 'oss', 'gs', 'cos', 'obs'];

export const BUCKET_SOURCE: SourceFactory = {
  schemes: SCHEMES,
  capabilities: {
    isHierarchical: true,
    hostOf: (name) => (isBucketName(name) ? name : undefined),
    queries: VERSION_PARAMETERS,
  },
  create: async (context) => (await import('./create-bucket-source.js')).createBucketSource(context),
};
