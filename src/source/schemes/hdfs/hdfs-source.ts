/** The source hdfs, as far as it is known before it is used. */
import type { SourceFactory } from '../../source.js';

/** What the name node knows and no listing has. */
const UNLISTED = new Set(['.snapshot', '.reserved']);

export const HDFS_SOURCE: SourceFactory = {
  schemes: ['hdfs'],
  capabilities: {
    isHierarchical: true,
    mayBeUnlisted: (name) => UNLISTED.has(name),
    queries: [],
  },
  create: async (context) => (await import('./create-hdfs-source.js')).createHdfsSource(context),
};
