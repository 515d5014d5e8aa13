/** How a request reaches its host: directly, through a proxy, or over a Unix socket. */
import { createRequire } from 'node:module';

import type * as ProxyFromEnv from 'proxy-from-env';

import { percentDecoded } from '../byte-text.js';
import { SourceError } from '../errors.js';
import type { HttpRoute } from './http-engine.js';

export interface Proxy {
  readonly url: URL;
  /** The value of `Proxy-Authorization`. */
  readonly authorization: string | undefined;
}

/** A route with nothing left to the environment. */
export interface ResolvedRoute {
  readonly key: string;
  readonly proxy?: Proxy;
  readonly socketPath?: string;
  readonly tls?: HttpRoute['tls'];
  /** The proxy of dfdaemon, which takes all URLs in absolute form, those of https too. No policy is applied to its address. */
  readonly peerProxy?: URL;
}

/** The URL of the proxy for a URL, or an empty string. */
export type ProxyFor = (url: URL) => string;

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl reads them; undefined: there is no proxy. */
export function environmentProxy(): ProxyFor | undefined {
  const given = VARIABLES.map((name) => process.env[name]).filter(
    (value) => value !== undefined && value !== '',
  );
  if (given.length === 0) return undefined;
  // A mount without a proxy starts without it.
  const load = createRequire(import.meta.url);
  const { getProxyForUrl } = load('proxy-from-env') as typeof ProxyFromEnv;
  return (url) => {
    const proxy = getProxyForUrl(url);
    // One without a scheme got that of the URL.
    return proxy === '' || given.includes(proxy) ? proxy : proxy.replace(/^https:/, 'http:');
  };
}

export class Routes {
  readonly #proxyFor: ProxyFor | undefined;

  constructor(proxyFor: ProxyFor | undefined) {
    this.#proxyFor = proxyFor;
  }

  /**
   * The way to `url`; undefined: a direct connection. A route is made for one origin: its client certificate, its Unix
   * socket, its trust in any certificate and its direct connection do not hold for another one that a redirect leads to.
   */
  resolve(route: HttpRoute | undefined, url: URL, isOwnOrigin: boolean): ResolvedRoute | undefined {
    if (route === undefined && this.#proxyFor === undefined) return undefined;
    const { key = '', proxy: given, proxyAuthorization, socketPath, tls } = route ?? {};
    if (isOwnOrigin && socketPath !== undefined)
      return { key, socketPath, ...(tls === undefined ? {} : { tls }) };
    const isDirect = given === 'direct' && isOwnOrigin;
    const configured = given === 'direct' ? undefined : given;
    const proxy = isDirect ? undefined : proxyOf(configured ?? this.#proxyFor?.(url), proxyAuthorization);
    const settings = isOwnOrigin ? tls : tlsElsewhere(tls);
    if (proxy === undefined && settings === undefined && key === '') return undefined;
    return {
      key: `${key}${isOwnOrigin ? '' : ' elsewhere'}${proxy === undefined ? '' : ` by ${proxy.url.origin}`}`,
      ...(proxy === undefined ? {} : { proxy }),
      ...(settings === undefined ? {} : { tls: settings }),
    };
  }
}

/** The route to another origin than that which it is made for, for a source that knows of one. */
export function routeElsewhere(route: HttpRoute | undefined): HttpRoute | undefined {
  if (route === undefined) return undefined;
  const { key, proxy, proxyAuthorization } = route;
  const tls = tlsElsewhere(route.tls);
  return {
    key: `${key} elsewhere`,
    ...(proxy === undefined || proxy === 'direct' ? {} : { proxy }),
    ...(proxyAuthorization === undefined ? {} : { proxyAuthorization }),
    ...(tls === undefined ? {} : { tls }),
  };
}

function tlsElsewhere(tls: HttpRoute['tls']): HttpRoute['tls'] {
  return tls?.ca === undefined ? undefined : { ca: tls.ca };
}

/** What a request in absolute form needs for its proxy; undefined: it is no such request. */
export function proxyHeader(url: URL, route: ResolvedRoute | undefined): Record<string, string> | undefined {
  if (route?.proxy === undefined || url.protocol !== 'http:') return undefined;
  const { authorization } = route.proxy;
  return authorization === undefined ? {} : { 'proxy-authorization': authorization };
}

function proxyOf(given: URL | string | undefined, authorization: string | undefined): Proxy | undefined {
  if (given === undefined || given === '') return undefined;
  if (!URL.canParse(String(given))) throw unusable('a URL', 'something else');
  const url = new URL(given);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw unusable('a proxy for HTTP', url.protocol);
  const { username, password } = url;
  const credentials = username === '' && password === '' ? undefined : `${username}:${password}`;
  const basic =
    credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(percentDecoded(credentials)).toString('base64')}`;
  return { url, authorization: authorization ?? basic };
}

function unusable(expected: string, found: string): SourceError {
  return new SourceError('NOT_CONFIGURED', 'the proxy cannot be used', 'proxy:', { expected, found });
}
