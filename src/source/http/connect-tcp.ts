/** TCP for sources that speak no HTTP: by the same names, and under the same policy. */
import { connect as connectSocket, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { SourceError } from '../errors.js';
import { type ConnectAttempt, firstToConnect } from './first-to-connect.js';
import type { TcpTarget } from './http-engine.js';
import type { Addresses } from './name-resolver.js';
import { addressesOf, allowedAddresses, checkHost, type PlanOptions } from './socket-plan.js';
import { openTunnel } from './tunnel.js';

export async function connectTcp(
  { url, port, proxy: way, onread }: TcpTarget,
  options: Omit<PlanOptions, 'ca'>,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const { proxy, proxyAuthorization } = way ?? {};
  if (proxy !== undefined && proxy !== 'direct')
    return await throughProxy(url, port, { proxy, proxyAuthorization }, options, signal);
  const addresses = await allowedAddresses(url, options.resolver, options.addressPolicy);
  return await firstToConnect(
    addresses,
    (one) => ({
      socket: connectSocket({
        host: one.address,
        family: one.family,
        port,
        noDelay: true,
        ...(onread && { onread }),
      }),
      readyEvent: 'connect',
    }),
    signal,
  );
}

/** The proxy resolves the name of the host. Its own address is the configuration's. */
async function throughProxy(
  url: URL,
  port: number,
  { proxy, proxyAuthorization }: { readonly proxy: URL; readonly proxyAuthorization: string | undefined },
  options: Omit<PlanOptions, 'ca'>,
  signal: AbortSignal,
): Promise<Socket> {
  if (proxy.protocol !== 'http:') {
    const facts = { expected: 'a proxy by http', found: proxy.protocol };
    throw new SourceError('NOT_CONFIGURED', 'the proxy cannot be used', url, facts);
  }
  await checkHost(url, options);
  const addresses = await addressesOf(proxy, options.resolver);
  const begin = (one: Addresses[number]): ConnectAttempt => ({
    socket: connectSocket({
      host: one.address,
      family: one.family,
      port: Number(proxy.port || 80),
      noDelay: true,
    }),
    readyEvent: 'connect',
  });
  const socket = await firstToConnect(addresses, begin, signal);
  try {
    await openTunnel(socket, `${url.hostname}:${port}`, proxyAuthorization, signal, true);
    // The socket has no reader for a moment, which Node notices later.
    await setImmediate();
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
