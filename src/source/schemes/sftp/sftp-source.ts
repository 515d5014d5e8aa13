/** The source sftp, as far as it is known before it is first used. */
import type { SourceFactory } from '../../source.js';

export const SFTP_SOURCE: SourceFactory = {
  schemes: ['sftp'],
  capabilities: {
    isHierarchical: true,
    // The home directory, which no listing has.
    mayBeUnlisted: (name) => name === '~',
    queries: [],
  },
  create: async (context) => (await import('./create-sftp-source.js')).createSftpSource(context),
};
