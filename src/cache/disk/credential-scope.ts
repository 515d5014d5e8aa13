import { createHmac } from 'node:crypto';

import { LRUCache } from 'lru-cache';

/**
 * What a mount was given to be let in with, for a URL: a text that is another one for other credentials; undefined:
 * nothing. It is secret.
 */
export type CredentialsFor = (url: string) => string | undefined;

/** The name of a URL in the store. Undefined: nothing is stored of it. */
export type ResourceOf = (url: string) => string | undefined;

/** Of a name of `scopedResource`. */
export function urlOfResource(resource: string): string {
  return resource.replace(/^[0-9a-f]{64} /, '');
}

/** More than there are origins with credentials, as a rule. */
const MAX_SCOPES = 256;

/**
 * Keeps apart what was fetched with different credentials: the name of a URL with credentials is
 * `<keyed hash of the credentials> <URL>`, which no URL begins like. Without a key, nothing is stored of those.
 */
export function scopedResource(key: Buffer | undefined, credentialsFor: CredentialsFor): ResourceOf {
  const scopes = new LRUCache<string, string>({ max: MAX_SCOPES });
  return (url) => {
    const credentials = credentialsFor(url);
    if (credentials === undefined || key === undefined) return credentials === undefined ? url : undefined;
    const scope = scopes.get(credentials) ?? createHmac('sha256', key).update(credentials).digest('hex');
    scopes.set(credentials, scope);
    return `${scope} ${url}`;
  };
}
