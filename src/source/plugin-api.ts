/** What the package exports to authors of plugins, as `d7y-mount/plugin`. */
export * from './index.js';
export type { PluginAttributes, PluginClient, PluginDownload, PluginInit } from './plugin/plugin-module.js';
