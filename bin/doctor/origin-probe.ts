/** Looks at the origins themselves, without credentials: their names, proxies, certificates and clocks. */
import { isIP, type OnReadOpts } from 'node:net';
import { type DetailedPeerCertificate, TLSSocket } from 'node:tls';

import { codeOf, messageOf } from '../../src/error-code.js';
import { accessPolicy } from '../../src/source/access-policy.js';
import type { AddressPolicy } from '../../src/source/address-policy.js';
import { configuredRoute } from '../../src/source/http/configured-route.js';
import { createConnect } from '../../src/source/http/connect.js';
import { parseHttpDate } from '../../src/source/http/http-date.js';
import type { HttpRoute } from '../../src/source/http/http-engine.js';
import { NameResolver } from '../../src/source/http/name-resolver.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { environmentProxy, Routes } from '../../src/source/http/route.js';
import { hostOf } from '../../src/source/http/tls-client.js';
import { connectionScheme } from '../../src/source/scheme-aliases.js';
import type { HttpSettings } from '../../src/source/settings.js';
import { SourceRules } from '../../src/source/source-rules.js';
import type { Configuration } from '../config/configuration.js';
import { canConnect } from './can-connect.js';
import type { UrlProbe } from './url-probe.js';

const LIMIT_MS = 8_000;
const MAX_ORIGINS = 32;
const ANY_STATUS = Array.from({ length: 500 }, (_, i) => i + 100);

export interface OriginProbe {
  readonly origin: URL;
  readonly name: NameFacts | undefined;
  readonly proxy: ProxyFacts | undefined;
  readonly tls: TlsFacts | undefined;
  /** By how much its clock is ahead of ours. Undefined: it did not say. */
  readonly skewMs: number | undefined;
}

/** Undefined: an address, or a proxy resolves it. */
export interface NameFacts {
  readonly ms: number;
  /** The code of the failure. */
  readonly failure: string | undefined;
}

export interface ProxyFacts {
  readonly url: URL;
  readonly failure: string | undefined;
}

export interface TlsFacts {
  /** Why there is no connection. */
  readonly failure: string | undefined;
  /** OpenSSL's code, or Node's. */
  readonly fault: string | undefined;
  /** When the first certificate of the chain ends. */
  readonly validToMs: number | undefined;
  readonly issuer: string | undefined;
  /** False: `tls: { verify: false }`. */
  readonly isVerified: boolean;
}

export async function probeOrigins(
  configuration: Configuration,
  probes: readonly UrlProbe[],
): Promise<readonly OriginProbe[]> {
  const { options, policy, rules } = configuration;
  const allowed = accessPolicy({
    isShared: options.allowOther,
    allowed: options.allowAddress,
    policy,
    rules,
  });
  const found = [...originsOf(configuration, probes)].slice(0, MAX_ORIGINS);
  return await Promise.all(found.map(([origin, settings]) => probe(new URL(origin), settings, allowed)));
}

/** With the settings of each. */
function originsOf(configuration: Configuration, probes: readonly UrlProbe[]): Map<string, HttpSettings> {
  const found = new Map<string, HttpSettings>();
  const rules = new SourceRules(configuration.rules);
  for (const { settings } of [...probes, ...configuration.rules]) {
    const { endpoint, baseUrl } = settings as { readonly endpoint?: URL; readonly baseUrl?: URL };
    for (const url of [endpoint, baseUrl]) if (url !== undefined) found.set(url.origin, settings);
  }
  for (const { url, settings, origins } of probes) {
    const scheme = connectionScheme(url.protocol.slice(0, -1));
    if (/^https?$/.test(scheme)) {
      found.set(new URL(`${scheme}://${url.host}`).origin, rules.settingsFor(url));
    }
    for (const origin of origins) if (!found.has(origin)) found.set(origin, settings);
  }
  return found;
}

async function probe(origin: URL, settings: HttpSettings, policy: AddressPolicy): Promise<OriginProbe> {
  const isEncrypted = origin.protocol === 'https:';
  // Files that cannot be read are found by other checks.
  const route = await Promise.resolve(configuredRoute(settings)).catch(() => undefined);
  const routes = new Routes(environmentProxy());
  const [resolved, resolver] = [routes.resolve(route, origin, true), new NameResolver()];
  try {
    const [name, proxy] = await Promise.all([
      resolved?.proxy === undefined && isIP(hostOf(origin)) === 0 ? nameFacts(origin, resolver) : undefined,
      resolved?.proxy && proxyFacts(resolved.proxy.url),
    ]);
    const cannot = name?.failure ?? proxy?.failure;
    const [tls, skewMs] = await Promise.all([
      isEncrypted && cannot === undefined ? tlsFacts(origin, route, routes, resolver, policy) : undefined,
      cannot === undefined ? skewOf(origin, route, policy) : undefined,
    ]);
    return { origin, name, proxy, tls, skewMs };
  } finally {
    resolver.close();
  }
}

async function nameFacts(origin: URL, resolver: NameResolver): Promise<NameFacts> {
  const beganMs = performance.now();
  const failure = await resolver.resolve(hostOf(origin)).then(() => undefined, codeOf);
  return { ms: performance.now() - beganMs, failure };
}

async function proxyFacts(url: URL): Promise<ProxyFacts> {
  return { url, failure: await canConnect(url) };
}

/** Of whatever certificate there is. */
function unverified(route: HttpRoute | undefined): HttpRoute {
  return { ...route, key: `${route?.key ?? ''} unverified`, tls: { ...route?.tls, verify: false } };
}

async function tlsFacts(
  origin: URL,
  route: HttpRoute | undefined,
  routes: Routes,
  resolver: NameResolver,
  addressPolicy: AddressPolicy,
): Promise<TlsFacts> {
  const isVerified = route?.tls?.verify !== false;
  const connect = createConnect({ ca: undefined, resolver, addressPolicy });
  const onread: OnReadOpts = { buffer: Buffer.alloc(1024), callback: () => true };
  try {
    const way = routes.resolve(unverified(route), origin, true);
    const socket = await connect(origin, onread, AbortSignal.timeout(LIMIT_MS), way);
    socket.on('error', () => undefined);
    const none = {
      failure: undefined,
      fault: undefined,
      validToMs: undefined,
      issuer: undefined,
      isVerified,
    };
    const certificate = socket instanceof TLSSocket ? socket.getPeerCertificate(true) : undefined;
    const fault = socket instanceof TLSSocket ? faultOf(socket.authorizationError) : undefined;
    socket.destroy();
    return { ...none, fault, validToMs: firstEndMs(certificate), issuer: nameOf(certificate?.issuer) };
  } catch (error) {
    const code = codeOf(error);
    const failure = code === 'unknown' ? messageOf(error) : code;
    return { failure, fault: undefined, validToMs: undefined, issuer: undefined, isVerified };
  }
}

function firstEndMs(leaf: DetailedPeerCertificate | undefined): number | undefined {
  const ends: number[] = [];
  let one = leaf;
  for (let depth = 0; one?.valid_to !== undefined && depth < 10; depth += 1) {
    ends.push(Date.parse(one.valid_to));
    one = one.issuerCertificate === one ? undefined : one.issuerCertificate;
  }
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function nameOf(issuer: DetailedPeerCertificate['issuer'] | undefined): string | undefined {
  return [issuer?.O ?? issuer?.CN].flat()[0];
}

/** Node's type says an error; it is a code, or null. */
function faultOf(found: unknown): string | undefined {
  return typeof found === 'string' ? found : found instanceof Error ? codeOf(found) : undefined;
}

/** By the `Date` of its answer, less the age that a cache says it has (RFC 9111, 5.1). */
async function skewOf(
  origin: URL,
  route: HttpRoute | undefined,
  addressPolicy: AddressPolicy,
): Promise<number | undefined> {
  const engine = createHttpEngine({ timeoutMs: LIMIT_MS, retries: 0, addressPolicy });
  const beganMs = Date.now();
  try {
    const answer = await engine.send(
      { url: new URL('/', origin), allowed: ANY_STATUS, redirects: 'refuse', route: unverified(route) },
      {
        url: origin,
        pin: undefined,
        signal: AbortSignal.timeout(LIMIT_MS),
        priority: 'foreground',
        promotion: undefined,
      },
    );
    answer.body.cancel();
    const dateMs = parseHttpDate(answer.header.get('date') ?? '');
    const ageMs = Number(answer.header.get('age') ?? 0) * 1000;
    if (Number.isNaN(dateMs) || Number.isNaN(ageMs)) return undefined;
    return dateMs + ageMs - (beganMs + Date.now()) / 2;
  } catch {
    return undefined;
  } finally {
    await engine.close();
  }
}
