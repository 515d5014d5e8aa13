/** The sources webdav and webdavs, and their other names dav and davs, as far as they are known before the first is used. */
import type { SourceFactory } from '../../source.js';

export const WEBDAV_SOURCE: SourceFactory = {
  schemes: ['webdav', 'webdavs', 'dav', 'davs'],
  capabilities: { isHierarchical: true, queries: [] },
  create: async (context) => (await import('./create-webdav-source.js')).createWebdavSource(context),
};
