/** The sources ftp and ftps, as far as they are known before they are used. */
import type { SourceFactory } from '../../source.js';

export const FTP_SOURCE: SourceFactory = {
  schemes: ['ftp', 'ftps'],
  capabilities: {
    isHierarchical: true,
    queries: [],
    // What is below the login directory: no listing has it.
    mayBeUnlisted: (name) => name === '~',
  },
  create: async (context) => (await import('./create-ftp-source.js')).createFtpSource(context),
};
