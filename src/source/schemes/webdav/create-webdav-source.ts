import { LRUCache } from 'lru-cache';

import type { WebdavSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { listedProperties, ListedFiles } from './listed-files.js';
import { createWebdavClient } from './webdav-client.js';
import { WebdavServer } from './webdav-server.js';

const MAX_SERVERS = 1_000;

export function createWebdavSource(context: SourceContext): SourceClient {
  const { engine, log } = context;
  const settingsFor = (url: URL): WebdavSettings => context.settingsFor(url) as WebdavSettings;
  /** By the settings, which are the same object while the configuration is the same, and by the origin. */
  const servers = new WeakMap<WebdavSettings, LRUCache<string, WebdavServer>>();
  const properties = listedProperties();
  let made = 0;
  const serverOf = (url: URL, settings: WebdavSettings): WebdavServer => {
    made += 1;
    return new WebdavServer(url, settings, settingsFor, new ListedFiles(properties, made));
  };
  return createWebdavClient({
    engine,
    log,
    peers: context.peers,
    serverFor: (url) => {
      const settings = settingsFor(url);
      const known = servers.get(settings) ?? new LRUCache<string, WebdavServer>({ max: MAX_SERVERS });
      servers.set(settings, known);
      const origin = `${url.protocol}//${url.host}`;
      const server = known.get(origin) ?? serverOf(url, settings);
      known.set(origin, server);
      return server;
    },
  });
}
