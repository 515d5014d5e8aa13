/**
 * The contract of the sources of this tree: a factory by scheme, which is loaded when its scheme is first used.
 * A plugin is one `ResourceClient` (docs/PLUGINS.md); a factory makes one of the settings of the mount.
 */
import type { Logger } from 'pino';

import type { HttpEngine } from './http/http-engine.js';
import type { PeerDownloads } from './p2p/peer-downloads.js';
import type { RequestActivity } from './request-activity.js';
import type { ResourceClient } from './resource-client.js';
import type { SourceSettings } from './settings.js';

/** What is known of a scheme before its source is loaded. */
export interface SourceCapabilities {
  /**
   * The source itself knows files from directories, so that a lookup asks it and the answer is exact: `getMetadata`
   * has the right `kind`, and NOT_FOUND is final. A listing is complete: a name that it lacks is missing, and one that
   * fails is an error of `ls`. Where `list` rejects with `ListNotSupportedError`, the names that were used are shown.
   * Otherwise the rules of docs/SEMANTICS.md, "File or directory".
   */
  readonly isHierarchical: boolean;
  /** Whether a name may exist that its complete listing lacks: `repository@revision`. Default: no. */
  mayBeUnlisted?(name: string): boolean;
  /**
   * The host of a URL of a name below `<mountpoint>/<scheme>`, or undefined if it can be none. Default: a host of
   * DNS with an optional port, in lower case. Owners of hubs keep their case, buckets may have a `_`.
   */
  hostOf?(name: string): string | undefined;
  /**
   * Whether a `?` in a name begins a query. Default: yes, as for http. With a list: only if it is one of these
   * parameters (`versionId`); another `?` is part of the key, and is sent as `%3F`.
   */
  readonly queries?: readonly string[];
}

/** Those of http, of plugins, and of clients that are registered as they are. */
export const DEFAULT_CAPABILITIES: SourceCapabilities = { isHierarchical: false };

export interface SourceFactory {
  readonly schemes: readonly string[];
  readonly capabilities: SourceCapabilities;
  /**
   * Imports the source, and makes its client: once for each scheme, at its first use. What it throws is the error of all
   * that use the scheme; it is called again a second later.
   */
  create(context: SourceContext): Promise<SourceClient>;
}

/** A client that holds something: timers, sockets of a protocol of its own, credentials that are refreshed. */
export interface SourceClient extends ResourceClient {
  close?(): Promise<void>;
}

/** What a source gets to work with. */
export interface SourceContext {
  readonly scheme: string;
  readonly engine: HttpEngine;
  /** Where a source that speaks no HTTP counts its requests. */
  readonly activity?: RequestActivity;
  /** Downloads by way of a cluster of Dragonfly. */
  readonly peers?: PeerDownloads;
  /**
   * The configured settings for a URL of the scheme, of the type that `SettingsByScheme` says; the same object each time
   * while the configuration is the same, so that it may be the key of a WeakMap of what is made of it.
   */
  settingsFor(url: URL): SourceSettings;
  readonly log: Logger;
  /** Of one operation, retries included. */
  readonly timeoutMs: number;
  readonly retries: number;
}
