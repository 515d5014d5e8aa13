import { LRUCache } from 'lru-cache';

import type { HdfsSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { HdfsAccess } from './hdfs-access.js';
import { createHdfsClient } from './hdfs-client.js';
import { NameNodes, nameNodesOf } from './name-nodes.js';
import { WebHdfs } from './web-hdfs.js';

const MAX_CLUSTERS = 1_000;

export function createHdfsSource(context: SourceContext): SourceClient {
  const { engine } = context;
  /** By the settings, which are the same object while the configuration is the same, and by the host. */
  const clusters = new WeakMap<HdfsSettings, LRUCache<string, WebHdfs>>();
  return createHdfsClient(engine, (url) => {
    const settings = context.settingsFor(url) as HdfsSettings;
    const known = clusters.get(settings) ?? new LRUCache<string, WebHdfs>({ max: MAX_CLUSTERS });
    clusters.set(settings, known);
    const cluster = known.get(url.host) ?? clusterOf(context, settings, url);
    known.set(url.host, cluster);
    return cluster;
  });
}

function clusterOf({ engine }: SourceContext, settings: HdfsSettings, url: URL): WebHdfs {
  const nodes = nameNodesOf(url, settings);
  return new WebHdfs(
    engine,
    new HdfsAccess(settings, nodes),
    new NameNodes(nodes, engine),
    settings.datanodes,
  );
}
