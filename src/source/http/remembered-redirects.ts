import { LRUCache } from 'lru-cache';

import type { HttpRequest } from './http-engine.js';

const REDIRECT_TTL_MS = 60_000;
/** Of the URLs of both ends: a target may carry a signature of thousands of characters. */
const MAX_REDIRECT_CHARS = 1024 * 1024;

/**
 * Where a URL was redirected to: reads of a version should not follow the chain each time. A probe
 * follows it, since it may lead elsewhere by now.
 */
export class RememberedRedirects {
  readonly #targets = new LRUCache<string, string>({
    max: 1_000,
    maxSize: MAX_REDIRECT_CHARS,
    sizeCalculation: (target, url) => target.length + url.length,
    ttl: REDIRECT_TTL_MS,
  });

  targetOf(request: HttpRequest): string | undefined {
    const key = keyOf(request);
    return key === undefined ? undefined : this.#targets.get(key);
  }

  /** Which URL has answered it. */
  note(request: HttpRequest, url: URL): void {
    const key = keyOf(request);
    if (key === undefined) return;
    if (url === request.url) this.#targets.delete(key);
    else this.#targets.set(key, url.href);
  }

  forget(request: HttpRequest): void {
    this.#targets.delete(keyOf(request) ?? '');
  }
}

/** Undefined: where it leads is not remembered. */
function keyOf({ url, method, redirects, route }: HttpRequest): string | undefined {
  if (redirects === 'refuse' || (method ?? 'GET') !== 'GET') return undefined;
  return route === undefined ? url.href : `${route.key} ${url.href}`;
}
