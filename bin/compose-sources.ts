/** The sources of a mount, and of `d7y-mount plugin`: those of the tree, and the plugins. */
import type { Logger } from 'pino';

import type { CredentialsFor } from '../src/cache/disk/credential-scope.js';
import type { CompleteClient } from '../src/source/index.js';
import { addressPolicy } from '../src/source/address-policy.js';
import { createHttpSource } from '../src/source/http/http-client.js';
import { createHttpEngine } from '../src/source/http/pooled-engine.js';
import { IN_TREE } from '../src/source/in-tree.js';
import { offlineClient } from '../src/source/offline-client.js';
import { PluginSet } from '../src/source/plugin/plugin-set.js';
import { ClientRegistry } from '../src/source/registry.js';
import { DEFAULT_CAPABILITIES, type SourceContext, type SourceFactory } from '../src/source/source.js';
import { configuredCredentials } from './credentials.js';
import type { MountOptions } from './options.js';
import { originHeaders } from './origin-headers.js';
import { optionsByPlugin, pluginDirectories } from './plugin-options.js';

export interface Sources {
  readonly registry: ClientRegistry;
  readonly plugins: PluginSet;
  /** The client that serves a URL. */
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly credentialsFor: CredentialsFor | undefined;
  readonly close: () => Promise<void>;
}

export type SourceOptions = Pick<
  MountOptions,
  | 'timeout'
  | 'retries'
  | 'header'
  | 'allowAddress'
  | 'allowOther'
  | 'pluginDir'
  | 'pluginOption'
  | 'pluginOverride'
  | 'pluginMemory'
  | 'offline'
>;

/** The same object for all: sources keep by it what they make of it. */
const NO_SETTINGS = {};

export function composeSources(options: SourceOptions, log: Logger): Sources {
  const { offline } = options;
  const pluginOptions = optionsByPlugin(options.pluginOption);
  const headersFor = originHeaders(options.header, log);
  const engine = createHttpEngine({
    timeoutMs: options.timeout,
    retries: options.retries,
    addressPolicy: addressPolicy({ isShared: options.allowOther, allowed: options.allowAddress }),
  });
  const plugins = new PluginSet(
    {
      directories: pluginDirectories(options.pluginDir),
      option: pluginOptions,
      override: options.pluginOverride.map((scheme) => scheme.toLowerCase()),
      callLimitMs: options.timeout,
      memoryBytes: options.pluginMemory,
    },
    { isInTree: (scheme) => registry.isInTree(scheme), log },
  );
  const registry: ClientRegistry = new ClientRegistry(plugins);
  const contextFor = (scheme: string): SourceContext => ({
    scheme,
    engine,
    settingsFor: () => NO_SETTINGS,
    log,
    timeoutMs: options.timeout,
    retries: options.retries,
  });
  const web: SourceFactory = {
    schemes: ['http', 'https'],
    capabilities: DEFAULT_CAPABILITIES,
    create: async ({ engine }) => createHttpSource(engine, headersFor),
  };
  for (const factory of [...IN_TREE, web]) registry.registerFactory(factory, contextFor);
  return {
    registry,
    plugins,
    credentialsFor: configuredCredentials(
      options.header.length > 0 ? headersFor : undefined,
      pluginOptions,
      options,
    ),
    clientFor: async (url) => {
      const scheme = url.slice(0, url.indexOf(':'));
      // Starts no plugin.
      if (offline && (await registry.isServed(scheme))) return offlineClient();
      return await registry.getClient(scheme);
    },
    close: async () => {
      await Promise.all([plugins.close(), registry.close()]);
      await engine.close();
    },
  };
}
