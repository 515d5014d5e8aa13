/** The one place where sockets are made; whatever stands between us and an origin goes here. */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { isIP, type OnReadOpts, type Socket, connect as connectSocket } from 'node:net';

import { type AddressPolicy, AddressRefusedError } from '../address-policy.js';
import { type ConnectAttempt, firstToConnect } from './first-to-connect.js';
import type { Addresses, NameResolver } from './name-resolver.js';
import type { Proxy, ResolvedRoute } from './route.js';
import { hostOf, TlsClient } from './tls-client.js';
import { openTunnel } from './tunnel.js';

/** Resolves to a socket to the origin of `url` that can be written to. `signal` ends the attempt. */
export type Connect = (
  url: URL,
  onread: OnReadOpts,
  signal: AbortSignal,
  route?: ResolvedRoute,
) => Promise<Socket>;

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

export interface ConnectOptions {
  /** An authority to trust besides those of Node, in PEM. */
  readonly ca: string | undefined;
  readonly resolver: Pick<NameResolver, 'resolve'>;
  readonly addressPolicy: AddressPolicy;
}

/** Direct connections go to the very addresses that the policy was applied to. */
export function createConnect({ ca, resolver, addressPolicy }: ConnectOptions): Connect {
  const tlsClient = new TlsClient(ca);

  return async (url, onread, signal, route) => {
    const { key = '', proxy, socketPath, tls } = route ?? {};
    if (socketPath !== undefined) {
      if (url.protocol === 'http:') return await connectUnix(socketPath, onread, signal);
      const socket = tlsClient.connect(url, { path: socketPath, onread }, tls, key);
      return await whenReady({ socket, readyEvent: 'secureConnect' }, signal);
    }
    if (route?.peerProxy !== undefined) {
      return await connectDirectly(url, await addressesOf(url, resolver), onread, signal, undefined, key);
    }
    if (proxy !== undefined) {
      // A name is resolved by the proxy. An address is known.
      if (isIP(hostOf(url)) !== 0) await allowedAddresses(url, resolver, addressPolicy);
      else checkName(url, addressPolicy);
      return await throughProxy(url, proxy, onread, signal, tls, key);
    }
    const addresses = await allowedAddresses(url, resolver, addressPolicy);
    return await connectDirectly(url, addresses, onread, signal, tls, key);
  };

  function connectDirectly(
    url: URL,
    addresses: Addresses,
    onread: OnReadOpts | undefined,
    signal: AbortSignal,
    tls: ResolvedRoute['tls'],
    key: string,
  ): Promise<Socket> {
    const begin = ({ address, family }: LookupAddress): ConnectAttempt => {
      const target = { host: address, family, port: portOf(url), noDelay: true, ...(onread && { onread }) };
      if (url.protocol === 'http:') return { socket: connectSocket(target), readyEvent: 'connect' };
      return { socket: tlsClient.connect(url, target, tls, key), readyEvent: 'secureConnect' };
    };
    return firstToConnect(addresses, begin, signal);
  }

  async function throughProxy(
    url: URL,
    proxy: Proxy,
    onread: OnReadOpts,
    signal: AbortSignal,
    tls: ResolvedRoute['tls'],
    key: string,
  ): Promise<Socket> {
    const addresses = await addressesOf(proxy.url, resolver);
    const isPlain = url.protocol === 'http:' && proxy.url.protocol === 'http:';
    const own = `proxy ${key}`;
    const socket = await connectDirectly(
      proxy.url,
      addresses,
      isPlain ? onread : undefined,
      signal,
      undefined,
      own,
    );
    if (isPlain) return socket;
    if (url.protocol === 'http:') return pushInto(socket, onread);
    try {
      await openTunnel(socket, `${url.hostname}:${portOf(url)}`, proxy.authorization, signal);
      const inner = tlsClient.connect(url, { socket }, tls, key);
      return pushInto(await whenReady({ socket: inner, readyEvent: 'secureConnect' }, signal), onread);
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}

export function connectUnix(path: string, onread: OnReadOpts, signal: AbortSignal): Promise<Socket> {
  return whenReady({ socket: connectSocket({ path, onread }), readyEvent: 'connect' }, signal);
}

/** A stream above another one has no `onread`. */
function pushInto(socket: Socket, onread: OnReadOpts): Socket {
  return socket.on('data', (chunk: Buffer) => {
    if (!onread.callback(chunk.length, chunk)) socket.pause();
  });
}

async function whenReady({ socket, readyEvent }: ConnectAttempt, signal: AbortSignal): Promise<Socket> {
  try {
    await once(socket, readyEvent, { signal });
    return socket;
  } catch (error) {
    socket.on('error', () => undefined).destroy();
    throw error;
  }
}

function checkName(url: URL, policy: AddressPolicy): void {
  const rule = policy(undefined, url);
  if (rule !== undefined) throw new AddressRefusedError(url, url.hostname, rule);
}

/** Of what a host resolves to, the addresses that the policy lets pass; refused if that is none. */
async function allowedAddresses(
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

async function addressesOf(url: URL, resolver: Pick<NameResolver, 'resolve'>): Promise<Addresses> {
  const host = hostOf(url);
  const family = isIP(host);
  return family === 0 ? await resolver.resolve(host) : [{ address: host, family }];
}

function portOf(url: URL): number {
  return url.port === '' ? (DEFAULT_PORT[url.protocol] ?? 0) : Number(url.port);
}
