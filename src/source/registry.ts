import type { Awaitable } from '../awaitable.js';
import { ClientUnusableError, NoClientFoundError } from './errors.js';
import { LazyClient } from './lazy-client.js';
import type { CallKind, RequestActivity } from './request-activity.js';
import type { CompleteClient, Hook, RequestAdapter, ResourceClient } from './resource-client.js';
import {
  DEFAULT_CAPABILITIES,
  type SourceCapabilities,
  type SourceContext,
  type SourceFactory,
} from './source.js';
import { type CallCounters, validatingClient } from './validating-client.js';

export interface Registration {
  readonly adapter?: RequestAdapter | undefined;
  readonly hooks?: readonly Hook[];
  /** Free facts about the client; `type`, `name` and `scheme` are filled in. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What is shown of a client. */
export interface ClientDescription extends PluginDescription {
  readonly name: string;
  readonly type: 'resource';
  readonly scheme: string;
}

export interface PluginDescription {
  /** `in-tree`, or the path of the plugin. */
  readonly location: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** `registered`: known, and not started yet if it has to be. */
  readonly state: 'registered' | 'loaded' | 'failed' | 'restarting';
  readonly lastError: string | null;
  /** `calls` and those that failed; for plugins also `starts` of the process and `bytes` that came. */
  readonly counters: Readonly<Record<string, number>>;
  /** Of the processes of a plugin, as of the last look. */
  readonly residentBytes?: number;
}

/** The clients that come from outside of the tree. */
export interface PluginSource {
  /** Looks what is there, unless that was done within `maxAgeMs`. */
  refresh(maxAgeMs?: number): Promise<void>;
  /** The schemes that it serves, as of the last look. */
  listSchemes(): string[];
  /** The client for a scheme, loaded if need be; undefined when there is none. Rejects when it fails to load. */
  clientFor(scheme: string): Awaitable<ResourceClient | undefined>;
  describe(scheme: string): PluginDescription | undefined;
  /** Where the calls of the scheme's client are counted; part of its description. */
  countersOf(scheme: string): CallCounters | undefined;
}

interface Registrable {
  /** Which of two with one scheme is the same. */
  readonly source: ResourceClient | SourceFactory;
  readonly capabilities: SourceCapabilities;
  readonly load: () => Promise<Opened>;
}

interface Opened {
  readonly client: ResourceClient;
  /** Absent: the client is not the registry's to close. */
  readonly close?: () => Promise<void>;
}

interface Registered {
  readonly source: ResourceClient | SourceFactory;
  readonly capabilities: SourceCapabilities;
  readonly lazy: LazyClient;
  readonly attributes: Readonly<Record<string, string>>;
  readonly counters: CallCounters;
  lastError: string | null;
}

/** For how long a description stays as it is: its file must not change between being looked up and opened. */
const DESCRIPTION_MS = 1_000;

/**
 * The clients by scheme, with the rules of Dragonfly's `ClientManager` (pkg/source/source_client.go):
 * schemes are case-insensitive, the same client twice is a no-op, another client on a taken scheme is an
 * error. Adapters may be absent, and hooks run. A scheme that a plugin serves is the plugin's; which
 * plugins may take a scheme of the tree is decided by the plugin source.
 */
export class ClientRegistry {
  readonly #clients = new Map<string, Registered>();
  readonly #plugins: PluginSource | undefined;
  readonly #activity: RequestActivity | undefined;
  /** The clients of plugins as they are handed out. */
  readonly #validatingPlugins = new WeakMap<ResourceClient, CompleteClient>();
  readonly #described = new Map<string, { readonly atMs: number; readonly it: ClientDescription }>();

  /** `activity`: counts the calls. */
  constructor(plugins?: PluginSource, activity?: RequestActivity) {
    this.#plugins = plugins;
    this.#activity = activity;
  }

  register(scheme: string, client: ResourceClient, registration: Registration = {}): void {
    const load = (): Promise<Opened> => Promise.resolve({ client });
    this.#register(scheme, { source: client, capabilities: DEFAULT_CAPABILITIES, load }, registration);
  }

  /** Its client is made when the scheme is first used. */
  registerFactory(factory: SourceFactory, contextFor: (scheme: string) => SourceContext): void {
    for (const scheme of factory.schemes) {
      const load = async (): Promise<Opened> => {
        const client = await factory.create(contextFor(scheme));
        return { client, close: async () => await client.close?.() };
      };
      this.#register(scheme, { source: factory, capabilities: factory.capabilities, load }, {});
    }
  }

  isInTree(scheme: string): boolean {
    return this.#clients.has(scheme.toLowerCase());
  }

  getClient(givenScheme: string): Promise<CompleteClient> {
    const scheme = givenScheme.toLowerCase();
    const loading = this.#plugins?.clientFor(scheme);
    if (!(loading instanceof Promise)) return this.#clientOf(scheme, loading);
    return loading.then(
      (plugin) => this.#clientOf(scheme, plugin),
      (error: unknown) => {
        throw new ClientUnusableError(scheme, 'plugin', error);
      },
    );
  }

  #clientOf(scheme: string, plugin: ResourceClient | undefined): Promise<CompleteClient> {
    if (plugin !== undefined) return Promise.resolve(this.#validatingPlugin(scheme, plugin));
    const registered = this.#clients.get(scheme);
    return registered?.lazy.get() ?? Promise.reject(new NoClientFoundError(scheme));
  }

  /** What the scheme's names are like, without loading its source. Those of a plugin are as http's. */
  capabilitiesOf(givenScheme: string): SourceCapabilities {
    const scheme = givenScheme.toLowerCase();
    const isPlugins = this.#plugins?.listSchemes().includes(scheme) === true;
    return (isPlugins ? undefined : this.#clients.get(scheme)?.capabilities) ?? DEFAULT_CAPABILITIES;
  }

  /** Whether there is a client for the scheme. A plugin is not loaded for that. */
  async isServed(givenScheme: string): Promise<boolean> {
    const scheme = givenScheme.toLowerCase();
    if (this.#clients.has(scheme)) return true;
    await this.refresh();
    return this.#plugins?.listSchemes().includes(scheme) === true;
  }

  /** Looks which plugins there are by now. */
  async refresh(): Promise<void> {
    await this.#plugins?.refresh();
  }

  /** The schemes, sorted (Dragonfly's order is a map's, random). */
  listClients(): string[] {
    const schemes = new Set([...this.#clients.keys(), ...(this.#plugins?.listSchemes() ?? [])]);
    return [...schemes].toSorted();
  }

  describe(scheme: string): ClientDescription | undefined {
    const facts = this.#plugins?.describe(scheme) ?? this.#describeInTree(scheme);
    if (facts === undefined) return undefined;
    const it: ClientDescription = { name: scheme, type: 'resource', scheme, ...facts };
    const last = this.#described.get(scheme);
    const isFresh = last !== undefined && performance.now() - last.atMs < DESCRIPTION_MS;
    if (isFresh && differsInCountersOnly(last.it, it)) return last.it;
    this.#described.set(scheme, { atMs: performance.now(), it });
    return it;
  }

  /** Closes the sources of the tree that were loaded. */
  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map(({ lazy }) => lazy.close()));
  }

  #register(
    givenScheme: string,
    { source, capabilities, load }: Registrable,
    registration: Registration,
  ): void {
    const scheme = givenScheme.toLowerCase();
    const taken = this.#clients.get(scheme);
    if (taken?.source === source) return;
    if (taken !== undefined) {
      throw new Error(
        `client with scheme ${scheme} already exist, current client: ${taken.attributes['name'] ?? scheme}`,
      );
    }
    const counters = newCounters();
    const registered: Registered = {
      source,
      capabilities,
      lazy: new LazyClient(scheme, async () => {
        const { client, ...rest } = await load();
        const onFault = (error: Error): void => {
          registered.lastError = error.message;
        };
        return {
          client: validatingClient(client, {
            ...registration,
            counters,
            onFault,
            onCall: this.#onCall(scheme),
          }),
          ...rest,
        };
      }),
      attributes: { ...registration.attributes, type: 'resource', name: scheme, scheme },
      counters,
      lastError: null,
    };
    this.#clients.set(scheme, registered);
  }

  #onCall(scheme: string): (kind: CallKind, ms: number) => void {
    return (kind, ms) => this.#activity?.noteCall(scheme, kind, ms);
  }

  #describeInTree(scheme: string): PluginDescription | undefined {
    const registered = this.#clients.get(scheme);
    if (registered === undefined) return undefined;
    const { attributes, lazy, counters } = registered;
    const lastError = lazy.failure?.message ?? registered.lastError;
    return { location: 'in-tree', attributes, state: lazy.state, lastError, counters: { ...counters } };
  }

  #validatingPlugin(scheme: string, client: ResourceClient): CompleteClient {
    const known = this.#validatingPlugins.get(client);
    if (known !== undefined) return known;
    const counters = this.#plugins?.countersOf(scheme) ?? newCounters();
    // The plugin notes its own faults.
    const validating = validatingClient(client, { counters, onCall: this.#onCall(scheme) });
    this.#validatingPlugins.set(client, validating);
    return validating;
  }
}

function newCounters(): CallCounters {
  return { calls: 0, failures: 0 };
}

function differsInCountersOnly(a: ClientDescription, b: ClientDescription): boolean {
  const facts = (it: ClientDescription): string => JSON.stringify({ ...it, counters: {}, residentBytes: 0 });
  return facts(a) === facts(b);
}
