import { createHmac } from 'node:crypto';

import { LRUCache } from 'lru-cache';

import type { VersionKey } from '../version.js';
import type { ConfirmedFacts, DiskCache, StoredFacts, StoredVersion } from './disk-cache.js';

/**
 * What a mount was given to be let in with, for a URL: a text that is another one for other credentials; undefined:
 * nothing. It is secret.
 */
export type CredentialsFor = (url: string) => string | undefined;

/** More than there are origins with credentials, as a rule. */
const MAX_SCOPES = 256;

/**
 * Keeps apart what was fetched with different credentials: with others, or none, it is not there. What is stored for a
 * URL with credentials is stored as that of `<keyed hash of the credentials> <URL>`, which no URL begins like.
 */
export class ScopedDiskCache implements DiskCache {
  readonly #disk: DiskCache;
  /** Undefined: there is none, and nothing is stored that was fetched with credentials. */
  readonly #key: Buffer | undefined;
  readonly #credentialsFor: CredentialsFor;
  /** By credentials. */
  readonly #scopes = new LRUCache<string, string>({ max: MAX_SCOPES });

  constructor(disk: DiskCache, key: Buffer | undefined, credentialsFor: CredentialsFor) {
    this.#disk = disk;
    this.#key = key;
    this.#credentialsFor = credentialsFor;
  }

  get usedBytes(): number {
    return this.#disk.usedBytes;
  }

  mayHave(url: string): boolean {
    const resource = this.#resourceOf(url);
    return resource !== undefined && this.#disk.mayHave(resource);
  }

  async open(key: VersionKey, facts: StoredFacts): Promise<StoredVersion | undefined> {
    const scoped = this.#scoped(key);
    return scoped && (await this.#disk.open(scoped, facts));
  }

  async newest(url: string): Promise<ConfirmedFacts | undefined> {
    const resource = this.#resourceOf(url);
    return resource === undefined ? undefined : await this.#disk.newest(resource);
  }

  confirm(key: VersionKey, facts: StoredFacts): void {
    const scoped = this.#scoped(key);
    if (scoped !== undefined) this.#disk.confirm(scoped, facts);
  }

  drop(key: VersionKey): void {
    const scoped = this.#scoped(key);
    if (scoped !== undefined) this.#disk.drop(scoped);
  }

  close(): Promise<void> {
    return this.#disk.close();
  }

  #scoped({ resource, version }: VersionKey): VersionKey | undefined {
    const scoped = this.#resourceOf(resource);
    return scoped === undefined ? undefined : { resource: scoped, version };
  }

  #resourceOf(url: string): string | undefined {
    const credentials = this.#credentialsFor(url);
    if (credentials === undefined) return url;
    return this.#key && `${this.#scopeOf(credentials, this.#key)} ${url}`;
  }

  #scopeOf(credentials: string, key: Buffer): string {
    const known = this.#scopes.get(credentials);
    if (known !== undefined) return known;
    const scope = createHmac('sha256', key).update(credentials).digest('hex');
    this.#scopes.set(credentials, scope);
    return scope;
  }
}
