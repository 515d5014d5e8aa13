import { hash } from 'node:crypto';

import type { FileStat, OpenResource, ResourceCache } from '../cache/resource-cache.js';
import { safeJson } from '../source/index.js';
import { FsError } from './fs-error.js';
import type { PluginNode } from './node.js';
import type { PluginCatalog } from './plugin-catalog.js';
import { RecentTimeouts } from './recent-timeouts.js';

/** A file that is open, whatever it is made of. */
export interface OpenFile extends Omit<OpenResource, 'version'> {
  readonly version: string;
}

export async function openResourceFile(
  cache: ResourceCache,
  url: string,
  signal: AbortSignal | undefined,
  known?: FileStat,
): Promise<OpenFile> {
  const resource = await cache.open(url, signal, known);
  const timeouts = new RecentTimeouts();
  return {
    version: resource.version.id,
    localFd: resource.localFd,
    get size() {
      return resource.size;
    },
    whenSizeKnown: (waiter) => resource.whenSizeKnown(waiter),
    read: async (offset, length, sink, options) => {
      timeouts.check(offset, length);
      try {
        return await resource.read(offset, length, sink, options);
      } catch (error) {
        timeouts.add(error, offset, length);
        throw error;
      }
    },
    head: () => resource.head(),
    close: () => resource.close(),
  };
}

/** The description of a plugin, as it was when it was opened. */
export function openPluginFile(plugins: PluginCatalog, node: PluginNode): OpenFile {
  const { bytes, version } = pluginJson(plugins, node);
  return {
    version,
    size: bytes.byteLength,
    localFd: undefined,
    whenSizeKnown: () => Promise.resolve(bytes.byteLength),
    read: async (offset, length, sink) =>
      await Promise.resolve(sink([bytes.subarray(offset, offset + length)])),
    head: () => bytes,
    close: () => undefined,
  };
}

export function pluginJson(plugins: PluginCatalog, node: PluginNode): { bytes: Buffer; version: string } {
  const description = plugins.describe(node.scheme);
  if (description === undefined) throw new FsError('NO_ENTRY', node.scheme, 'no such plugin');
  const bytes = Buffer.from(`${safeJson(JSON.stringify(description, null, 2))}\n`);
  return { bytes, version: hash('sha1', bytes, 'hex') };
}
