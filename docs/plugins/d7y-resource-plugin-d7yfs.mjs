// Dragonfly's example of an out-of-tree plugin (main.go of its plugin guide), as a module.
const data = 'hello world';

const buildCommit = 'unknown';
const buildTime = 'unknown';
const vendor = 'd7y';

/** @type {import('d7y-mount/plugin').PluginClient} */
const client = {
  getContentLength: () => data.length,
  isSupportRange: () => false,
  isExpired: () => {
    throw new Error('implement me');
  },
  download: () => data,
  getLastModified: () => {
    throw new Error('implement me');
  },
};

/** @type {import('d7y-mount/plugin').PluginInit} */
export function DragonflyPluginInit(_option) {
  return [client, { scheme: 'd7yfs', type: 'resource', name: 'd7yfs', buildCommit, buildTime, vendor }];
}
