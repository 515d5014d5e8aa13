/** The one place where sockets are made; whatever stands between us and an origin goes here. */
import { isIP, type OnReadOpts, type Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

import { LRUCache } from 'lru-cache';

/** Begins to connect to the origin of `url`. The socket emits `READY_EVENT` when it can be written to. */
export type Connect = (url: URL, onread: OnReadOpts) => Socket;

/** By the protocol of the origin. */
export const READY_EVENT: Readonly<Record<string, string>> = {
  'http:': 'connect',
  'https:': 'secureConnect',
};

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const MAX_TLS_SESSIONS = 256;

/** Direct connections. `ca`: an authority to trust besides the built-in ones, in PEM. */
export function createConnect(ca: string | undefined): Connect {
  const sessions = new LRUCache<string, Buffer>({ max: MAX_TLS_SESSIONS });
  let context: SecureContext | undefined;

  return (url, onread) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (DEFAULT_PORT[url.protocol] ?? 0) : Number(url.port);
    const target = { host, port, noDelay: true, autoSelectFamily: true, onread };
    if (url.protocol === 'http:') return connectTcp(target);
    context ??= createSecureContext(ca === undefined ? {} : { ca: [...rootCertificates, ca] });
    const session = sessions.get(url.origin);
    const socket = connectTls({
      ...target,
      secureContext: context,
      // An address is no name to ask for (RFC 6066, 3); it is checked against the certificate all the same.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
    });
    // A session that is resumed is not checked again: only one whose certificate was believed is kept.
    const keep = (fresh: Buffer): unknown => sessions.set(url.origin, fresh);
    return socket.on('session', (fresh) =>
      socket.authorized ? keep(fresh) : socket.once('secureConnect', () => keep(fresh)),
    );
  };
}
