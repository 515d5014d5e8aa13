/** The sources of a mount, and of `d7y-mount plugin`: those of the tree, and the plugins. */
import type { Logger } from 'pino';

import type { CredentialsFor } from '../src/cache/disk/credential-scope.js';
import type { AddressPolicy } from '../src/source/address-policy.js';
import type { CompleteClient } from '../src/source/index.js';
import { accessPolicy, AccessRefusedError } from '../src/source/access-policy.js';
import { IoThreads } from '../src/source/http/io-threads.js';
import { createHttpEngine } from '../src/source/http/pooled-engine.js';
import { IN_TREE } from '../src/source/in-tree.js';
import { offlineClient } from '../src/source/offline-client.js';
import { PeerDownloads } from '../src/source/p2p/peer-downloads.js';
import type { P2pSettings } from '../src/source/p2p/p2p-settings.js';
import { PluginSet } from '../src/source/plugin/plugin-set.js';
import { type PoolReport, RequestActivity } from '../src/source/request-activity.js';
import { ClientRegistry } from '../src/source/registry.js';
import type { SourceContext } from '../src/source/source.js';
import { SourceRules } from '../src/source/source-rules.js';
import { configuredCredentials } from './credentials.js';
import type { Configuration } from './config/configuration.js';
import type { LiveConfiguration } from './config/live-configuration.js';
import { pluginDirectories } from './plugin-options.js';
import { twinWarning } from './twin-warning.js';

export interface Sources {
  readonly registry: ClientRegistry;
  readonly plugins: PluginSet;
  /** The client that serves a URL. */
  readonly clientFor: (url: string) => Promise<CompleteClient>;
  readonly credentialsFor: CredentialsFor;
  /** What is requested over HTTP and SFTP. */
  readonly activity: RequestActivity;
  readonly connections: () => PoolReport;
  /** What comes by way of a cluster of Dragonfly. */
  readonly peers: PeerDownloads;
  readonly close: () => Promise<void>;
}

/** What is made of the configuration, and anew when it is replaced. */
interface Made {
  readonly rules: SourceRules;
  readonly policy: AddressPolicy;
  readonly credentialsFor: CredentialsFor;
}

function make(configuration: Configuration): Made {
  const { options, policy } = configuration;
  const rules = new SourceRules(configuration.rules);
  return {
    rules,
    policy: accessPolicy({
      isShared: options.allowOther,
      allowed: options.allowAddress,
      policy,
      rules: configuration.rules,
    }),
    credentialsFor: configuredCredentials(configuration, rules),
  };
}

function p2pOf({ options: { p2pProxy, p2pMode } }: Configuration): P2pSettings {
  return { proxy: p2pProxy === undefined ? undefined : new URL(p2pProxy), mode: p2pMode };
}

export function composeSources(configuration: LiveConfiguration, log: Logger): Sources {
  const first = configuration.current;
  const { options } = first;
  let made = make(first);
  configuration.onReplaced((now) => {
    made = make(now);
  });
  const activity = new RequestActivity();
  const peers = new PeerDownloads({
    settings: () => p2pOf(configuration.current),
    ruleFor: (url) => made.rules.settingsFor(url),
    log,
  });
  const threads = new IoThreads({
    count: options.ioThreads,
    onFailure: (error) =>
      log.warn({ err: error }, 'an I/O thread ended; what it received goes on without it'),
  });
  const engine = createHttpEngine({
    threads,
    activity,
    timeoutMs: options.timeout,
    retries: options.retries,
    addressPolicy: (address, url) => made.policy(address, url),
  });
  const plugins = new PluginSet(
    {
      directories: pluginDirectories(options.pluginDir),
      option: first.plugins,
      override: options.pluginOverride.map((scheme) => scheme.toLowerCase()),
      callLimitMs: options.timeout,
      memoryBytes: options.pluginMemory,
      threads,
    },
    { isInTree: (scheme) => registry.isInTree(scheme), log },
  );
  const registry: ClientRegistry = new ClientRegistry(plugins, activity);
  const warnOfTwin = twinWarning(() => made.rules.rules, log);
  const contextFor = (scheme: string): SourceContext => ({
    scheme,
    engine,
    activity,
    peers,
    settingsFor: (url) => {
      warnOfTwin(url);
      return made.rules.settingsFor(url);
    },
    log,
    timeoutMs: options.timeout,
    retries: options.retries,
  });
  for (const factory of IN_TREE) registry.registerFactory(factory, contextFor);
  return {
    registry,
    plugins,
    activity,
    connections: () => engine.report,
    peers,
    credentialsFor: (url) => made.credentialsFor(url),
    clientFor: (url) => {
      const scheme = url.slice(0, url.indexOf(':'));
      // The name itself: of a source that has other hosts than it, and of plugins.
      const hasDenied = configuration.current.policy.deny.length > 0;
      const refused = hasDenied ? made.policy(undefined, new URL(url)) : undefined;
      if (refused !== undefined) return Promise.reject(new AccessRefusedError(new URL(url), refused));
      if (!options.offline) return registry.getClient(scheme);
      // Starts no plugin.
      const served = registry.isServed(scheme);
      return served.then((isServed) => (isServed ? offlineClient() : registry.getClient(scheme)));
    },
    close: async () => {
      await Promise.all([plugins.close(), registry.close()]);
      await engine.close();
      await threads.close();
    },
  };
}
