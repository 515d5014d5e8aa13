import { isIP, type TcpNetConnectOpts } from 'node:net';
import {
  connect,
  type ConnectionOptions,
  createSecureContext,
  rootCertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';

import { LRUCache } from 'lru-cache';

import type { HttpRoute } from './http-engine.js';

const MAX_SESSIONS = 256;
const MAX_CONTEXTS = 64;

/** Begins TLS to origins, with sessions that are resumed. */
export class TlsClient {
  readonly #ca: string | undefined;
  readonly #sessions = new LRUCache<string, Buffer>({ max: MAX_SESSIONS });
  /** By the key of the route. */
  readonly #contexts = new LRUCache<string, SecureContext>({ max: MAX_CONTEXTS });

  /** `ca`: an authority to trust besides those of Node, in PEM. */
  constructor(ca: string | undefined) {
    this.#ca = ca;
  }

  /** `transport`: the address, or the socket of a tunnel. `key`: that of the route with these settings. */
  connect(
    url: URL,
    transport: TcpNetConnectOpts | ConnectionOptions,
    settings: HttpRoute['tls'],
    key: string,
  ): TLSSocket {
    const host = hostOf(url);
    const sessionKey = `${url.origin} ${key}`;
    const session = this.#sessions.get(sessionKey);
    const socket = connect({
      // Without a servername the certificate is checked against this; a direct connection has the same, or an address of it.
      host,
      ...transport,
      secureContext: this.#context(settings, key),
      // SNI takes no address (RFC 6066, 3); it is checked against the certificate all the same.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: settings?.verify !== false,
      ...(session === undefined ? {} : { session }),
    });
    // A session that is resumed is not checked again: only one whose certificate was verified is kept.
    const keep = (fresh: Buffer): unknown => this.#sessions.set(sessionKey, fresh);
    socket.on('session', (fresh) =>
      socket.authorized ? keep(fresh) : socket.once('secureConnect', () => keep(fresh)),
    );
    return socket;
  }

  #context(settings: HttpRoute['tls'], key: string): SecureContext {
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const added = [this.#ca, settings?.ca].filter((ca) => ca !== undefined);
    const context = createSecureContext({
      ...(added.length === 0 ? {} : { ca: [...rootCertificates, ...added] }),
      ...(settings?.cert === undefined ? {} : { cert: settings.cert }),
      ...(settings?.key === undefined ? {} : { key: settings.key }),
      ...(settings?.passphrase === undefined ? {} : { passphrase: settings.passphrase }),
    });
    this.#contexts.set(key, context);
    return context;
  }
}

/** As names are looked up: an IPv6 address without its brackets. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '');
}
