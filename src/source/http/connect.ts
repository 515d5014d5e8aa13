/** The one place where sockets are made; whatever stands between us and an origin goes here. */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { type OnReadOpts, type Socket, connect as connectSocket } from 'node:net';

import { type ConnectAttempt, firstToConnect } from './first-to-connect.js';
import type { Addresses } from './name-resolver.js';
import type { ResolvedRoute } from './route.js';
import { createPlanSocket, type PlanOptions, type PlanSocket, type SocketPlan } from './socket-plan.js';
import { TlsClient } from './tls-client.js';
import { openTunnel } from './tunnel.js';

/** Resolves to a socket to the origin of `url` that can be written to. `signal` ends the attempt. */
export type Connect = (
  url: URL,
  onread: OnReadOpts,
  signal: AbortSignal,
  route?: ResolvedRoute,
) => Promise<Socket>;

const MAX_AHEAD_BYTES = 512 * 1024;
const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };

/** Plans, and connects in this thread. */
export function createConnect(
  options: PlanOptions,
  planSocket: PlanSocket = createPlanSocket(options),
): Connect {
  const sockets = new SocketOpener(options.ca);
  return async (url, onread, signal, route) =>
    await sockets.open(await planSocket(url, route), onread, signal);
}

/** Makes sockets of plans. */
export class SocketOpener {
  readonly #tlsClient: TlsClient;

  /** `ca`: of all plans. */
  constructor(ca: string | undefined) {
    this.#tlsClient = new TlsClient(ca);
  }

  /** `signal` ends the attempt. */
  async open(plan: SocketPlan, onread: OnReadOpts, signal: AbortSignal): Promise<Socket> {
    signal.throwIfAborted();
    const url = new URL(plan.url);
    const { key, tls, socketPath, proxy, addresses = [] } = plan;
    if (proxy !== undefined) return await this.#throughProxy(url, plan, proxy, onread, signal);
    if (socketPath === undefined)
      return await this.#connectDirectly(url, addresses, onread, signal, tls, key);
    if (url.protocol === 'http:') return await connectUnix(socketPath, onread, signal);
    const socket = this.#tlsClient.connect(url, { path: socketPath, onread }, tls, key);
    return await whenReady({ socket, readyEvent: 'secureConnect' }, signal);
  }

  #connectDirectly(
    url: URL,
    addresses: Addresses,
    onread: OnReadOpts | undefined,
    signal: AbortSignal,
    tls: SocketPlan['tls'],
    key: string,
  ): Promise<Socket> {
    const begin = ({ address, family }: LookupAddress): ConnectAttempt => {
      const target = { host: address, family, port: portOf(url), noDelay: true, ...(onread && { onread }) };
      if (url.protocol !== 'https:') return { socket: connectSocket(target), readyEvent: 'connect' };
      return { socket: this.#tlsClient.connect(url, target, tls, key), readyEvent: 'secureConnect' };
    };
    return firstToConnect(addresses, begin, signal);
  }

  async #throughProxy(
    url: URL,
    { key, tls }: SocketPlan,
    { url: proxy, authorization, addresses }: NonNullable<SocketPlan['proxy']>,
    onread: OnReadOpts,
    signal: AbortSignal,
  ): Promise<Socket> {
    const proxyUrl = new URL(proxy);
    const isPlain = url.protocol === 'http:' && proxyUrl.protocol === 'http:';
    const own = `proxy ${key}`;
    const direct = isPlain ? onread : undefined;
    const socket = await this.#connectDirectly(proxyUrl, addresses, direct, signal, undefined, own);
    if (isPlain) return socket;
    if (url.protocol === 'http:') return pushInto(socket, onread);
    try {
      await openTunnel(socket, `${url.hostname}:${portOf(url)}`, authorization, signal);
      const inner = this.#tlsClient.connect(url, { socket }, tls, key);
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

/** A stream above another one has no `onread`. It pauses late, so that an end of TLS which is near is seen for what it is. */
function pushInto(socket: Socket, onread: OnReadOpts): Socket {
  let aheadBytes = 0;
  return socket.on('data', (chunk: Buffer) => {
    if (onread.callback(chunk.length, chunk)) {
      aheadBytes = 0;
    } else {
      aheadBytes += chunk.length;
      if (aheadBytes >= MAX_AHEAD_BYTES) socket.pause();
    }
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

function portOf(url: URL): number {
  return url.port === '' ? (DEFAULT_PORT[url.protocol] ?? 0) : Number(url.port);
}
