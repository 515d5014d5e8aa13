import { isIP } from 'node:net';

import { type AddressPolicy, AddressRefusedError } from '../address-policy.js';
import type { HttpRoute } from './http-engine.js';
import type { Addresses, NameResolver } from './name-resolver.js';
import type { ResolvedRoute } from './route.js';
import { hostOf } from './tls-client.js';

/** Where a socket leads: its names are resolved, its addresses allowed. Plain data, for any thread to connect by. */
export interface SocketPlan {
  /** Of the origin. */
  readonly url: string;
  readonly key: string;
  /** An authority to trust besides those of Node, in PEM. */
  readonly ca?: string | undefined;
  readonly tls?: HttpRoute['tls'];
  /** One of these three. */
  readonly addresses?: Addresses;
  readonly socketPath?: string;
  readonly proxy?: {
    readonly url: string;
    readonly authorization: string | undefined;
    readonly addresses: Addresses;
  };
}

export type PlanSocket = (url: URL, route: ResolvedRoute | undefined) => Promise<SocketPlan>;

export interface PlanOptions {
  readonly ca: string | undefined;
  readonly resolver: Pick<NameResolver, 'resolve'>;
  readonly addressPolicy: AddressPolicy;
}

/** Direct connections go to the very addresses that the policy was applied to. */
export function createPlanSocket({ ca, resolver, addressPolicy }: PlanOptions): PlanSocket {
  return async (url, route) => {
    const { key = '', proxy, socketPath, tls, peerProxy } = route ?? {};
    const plan = { url: url.origin, key, ca, ...(tls && { tls }) };
    if (socketPath !== undefined) return { ...plan, socketPath };
    if (peerProxy !== undefined)
      return { url: url.origin, key, ca, addresses: await addressesOf(url, resolver) };
    if (proxy === undefined)
      return { ...plan, addresses: await allowedAddresses(url, resolver, addressPolicy) };
    await checkHost(url, { resolver, addressPolicy });
    const { authorization } = proxy;
    const addresses = await addressesOf(proxy.url, resolver);
    return { ...plan, proxy: { url: proxy.url.origin, authorization, addresses } };
  };
}

/** Of what is reached by way of another host, which resolves its name. An address is known. */
export async function checkHost(
  url: URL,
  { resolver, addressPolicy }: Omit<PlanOptions, 'ca'>,
): Promise<void> {
  if (isIP(hostOf(url)) !== 0) await allowedAddresses(url, resolver, addressPolicy);
  else checkName(url, addressPolicy);
}

function checkName(url: URL, policy: AddressPolicy): void {
  const rule = policy(undefined, url);
  if (rule !== undefined) throw new AddressRefusedError(url, url.hostname, rule);
}

/** Of what a host resolves to, the addresses that the policy lets pass; refused if that is none. */
export async function allowedAddresses(
  url: URL,
  resolver: Pick<NameResolver, 'resolve'>,
  policy: AddressPolicy,
): Promise<Addresses> {
  // No name is looked up in vain.
  if (isIP(hostOf(url)) === 0) checkName(url, policy);
  const addresses = await addressesOf(url, resolver);
  const allowed = addresses.filter(({ address }) => policy(address, url) === undefined);
  if (allowed.length > 0) return allowed;
  const refused = addresses[0]?.address ?? '';
  throw new AddressRefusedError(url, refused, policy(refused, url) ?? 'no address');
}

export async function addressesOf(url: URL, resolver: Pick<NameResolver, 'resolve'>): Promise<Addresses> {
  const host = hostOf(url);
  const family = isIP(host);
  return family === 0 ? await resolver.resolve(host) : [{ address: host, family }];
}
