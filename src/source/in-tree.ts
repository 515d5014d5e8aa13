import { BLOB_SOURCE } from './schemes/blob/blob-source.js';
import { BUCKET_SOURCE } from './schemes/bucket/bucket-source.js';
import { HDFS_SOURCE } from './schemes/hdfs/hdfs-source.js';
import { WEBDAV_SOURCE } from './schemes/webdav/webdav-source.js';
import { FTP_SOURCE } from './schemes/ftp/ftp-source.js';
import { SFTP_SOURCE } from './schemes/sftp/sftp-source.js';
import { DEFAULT_CAPABILITIES, type SourceFactory } from './source.js';

/**
 * The sources of this tree: a few lines each, and their code by `import()`, which is a chunk of its own in the bundle. So
 * the start does not grow with their number.
 */
export const IN_TREE: readonly SourceFactory[] = [
  {
    schemes: ['dfs'],
    capabilities: DEFAULT_CAPABILITIES,
    create: async () => (await import('./dfs/dfs-client.js')).createDfsClient(),
  },
  {
    schemes: ['http', 'https'],
    capabilities: DEFAULT_CAPABILITIES,
    create: async (context) => (await import('./http/create-web-source.js')).createWebSource(context),
  },
  {
    schemes: ['hf', 'modelscope', 'opencsg'],
    capabilities: {
      isHierarchical: true,
      // Owners keep their case.
      hostOf: (name) => (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) ? name : undefined),
      // `repository@revision`
      mayBeUnlisted: (name) => /@|%40/.test(name),
      queries: [],
    },
    create: async (context) => (await import('./schemes/hub/create-hub.js')).createHub(context),
  },
  {
    schemes: ['oras'],
    capabilities: {
      isHierarchical: true,
      // `repository:tag`, digests, and repositories where there is no catalog.
      mayBeUnlisted: () => true,
      queries: [],
    },
    create: async (context) => (await import('./schemes/oras/create-oras.js')).createOras(context),
  },
  BUCKET_SOURCE,
  BLOB_SOURCE,
  HDFS_SOURCE,
  WEBDAV_SOURCE,
  FTP_SOURCE,
  SFTP_SOURCE,
];
