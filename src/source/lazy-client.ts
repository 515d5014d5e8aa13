import { ClientUnusableError, SourceError } from './errors.js';
import type { CompleteClient } from './resource-client.js';

/** A load that failed is not tried again before. */
const RETRY_AFTER_MS = 1_000;

export interface LoadedClient {
  readonly client: CompleteClient;
  readonly close?: () => Promise<void>;
}

/** The client of a source of the tree, which is loaded when it is first used. */
export class LazyClient {
  readonly #scheme: string;
  readonly #load: () => Promise<LoadedClient>;
  readonly #now: () => number;
  #loading: Promise<LoadedClient> | undefined;
  #client: Promise<CompleteClient> | undefined;
  #failure: { readonly error: SourceError; readonly atMs: number } | undefined;
  #state: 'registered' | 'loaded' | 'failed' = 'registered';

  constructor(scheme: string, load: () => Promise<LoadedClient>, now = (): number => performance.now()) {
    this.#scheme = scheme;
    this.#load = load;
    this.#now = now;
  }

  get state(): 'registered' | 'loaded' | 'failed' {
    return this.#state;
  }

  /** Why it could not be loaded the last time. */
  get failure(): SourceError | undefined {
    return this.#failure?.error;
  }

  /** The same promise to all, once it is loaded: each use of a source calls this. */
  get(): Promise<CompleteClient> {
    if (this.#client !== undefined) return this.#client;
    if (this.#failure !== undefined && this.#now() - this.#failure.atMs < RETRY_AFTER_MS) {
      return Promise.reject(this.#failure.error);
    }
    this.#loading = this.#loaded();
    return (this.#client = this.#loading.then(({ client }) => client));
  }

  async close(): Promise<void> {
    const loaded = await this.#loading?.catch(() => undefined);
    await loaded?.close?.();
  }

  async #loaded(): Promise<LoadedClient> {
    try {
      const loaded = await this.#load();
      this.#failure = undefined;
      this.#state = 'loaded';
      return loaded;
    } catch (cause) {
      const error =
        cause instanceof SourceError ? cause : new ClientUnusableError(this.#scheme, 'source', cause);
      this.#failure = { error, atMs: this.#now() };
      this.#state = 'failed';
      this.#loading = undefined;
      this.#client = undefined;
      throw error;
    }
  }
}
