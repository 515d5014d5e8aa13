import { NoClientFoundError } from './errors.js';
import { guardClient } from './guarded-client.js';
import type { CompleteClient, Hook, RequestAdapter, ResourceClient } from './resource-client.js';

export interface Registration {
  readonly adapter?: RequestAdapter | undefined;
  readonly hooks?: readonly Hook[];
  /** Free facts about the client; `type`, `name` and `scheme` are filled in. */
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What is shown of a registered client. */
export interface ClientDescription {
  readonly name: string;
  readonly type: 'resource';
  readonly scheme: string;
  readonly location: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly state: 'registered';
  readonly lastError: string | null;
}

interface Registered {
  readonly client: ResourceClient;
  readonly guarded: CompleteClient;
  readonly attributes: Readonly<Record<string, string>>;
  lastError: string | null;
}

/** Brings a client for a scheme that is not registered; undefined when there is none. */
export type PluginLoader = (scheme: string) => Promise<ResourceClient | undefined>;

/**
 * The clients by scheme, with the rules of Dragonfly's `ClientManager` (pkg/source/source_client.go):
 * schemes are case-insensitive, the same client twice is a no-op, another client on a taken scheme is an
 * error. Adapters may be absent, and hooks run.
 */
export class ClientRegistry {
  readonly #clients = new Map<string, Registered>();
  readonly #loadPlugin: PluginLoader | undefined;

  constructor(loadPlugin?: PluginLoader) {
    this.#loadPlugin = loadPlugin;
  }

  register(givenScheme: string, client: ResourceClient, registration: Registration = {}): void {
    const scheme = givenScheme.toLowerCase();
    const taken = this.#clients.get(scheme);
    if (taken?.client === client) return;
    if (taken !== undefined) {
      throw new Error(
        `client with scheme ${scheme} already exist, current client: ${taken.attributes['name'] ?? scheme}`,
      );
    }
    const registered: Registered = {
      client,
      guarded: guardClient(client, registration, (error) => {
        registered.lastError = error.message;
      }),
      attributes: { ...registration.attributes, type: 'resource', name: scheme, scheme },
      lastError: null,
    };
    this.#clients.set(scheme, registered);
  }

  unregister(scheme: string): void {
    this.#clients.delete(scheme.toLowerCase());
  }

  async getClient(givenScheme: string): Promise<CompleteClient> {
    const scheme = givenScheme.toLowerCase();
    if (!this.#clients.has(scheme) && this.#loadPlugin !== undefined) {
      const plugin = await this.#loadPlugin(scheme).catch((error: unknown) => {
        throw new NoClientFoundError(scheme, error);
      });
      if (plugin !== undefined && !this.#clients.has(scheme)) this.register(scheme, plugin);
    }
    const registered = this.#clients.get(scheme);
    if (registered === undefined) throw new NoClientFoundError(scheme);
    return registered.guarded;
  }

  async isServed(scheme: string): Promise<boolean> {
    return await this.getClient(scheme).then(
      () => true,
      () => false,
    );
  }

  /** The schemes, sorted (Dragonfly's order is a map's, random). */
  listClients(): string[] {
    return [...this.#clients.keys()].toSorted();
  }

  describe(scheme: string): ClientDescription | undefined {
    const registered = this.#clients.get(scheme);
    if (registered === undefined) return undefined;
    const { attributes, lastError } = registered;
    return {
      name: scheme,
      type: 'resource',
      scheme,
      location: 'in-tree',
      attributes,
      state: 'registered',
      lastError,
    };
  }
}
