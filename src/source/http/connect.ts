/** The one place where sockets are made; whatever stands between us and an origin goes here. */
import type { LookupAddress } from 'node:dns';
import { isIP, type OnReadOpts, type Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';

import { LRUCache } from 'lru-cache';

import { type AddressPolicy, AddressRefusedError } from '../address-policy.js';
import { type ConnectAttempt, firstToConnect } from './first-to-connect.js';
import type { Addresses, NameResolver } from './name-resolver.js';

/** Resolves to a socket to the origin of `url` that can be written to. `signal` ends the attempt. */
export type Connect = (url: URL, onread: OnReadOpts, signal: AbortSignal) => Promise<Socket>;

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const MAX_TLS_SESSIONS = 256;

export interface ConnectOptions {
  /** An authority to trust besides those of Node, in PEM. */
  readonly ca: string | undefined;
  readonly resolver: Pick<NameResolver, 'resolve'>;
  readonly addressPolicy: AddressPolicy;
}

/** Direct connections, to the very addresses that the policy was applied to. */
export function createConnect({ ca, resolver, addressPolicy }: ConnectOptions): Connect {
  const sessions = new LRUCache<string, Buffer>({ max: MAX_TLS_SESSIONS });
  let context: SecureContext | undefined;

  return async (url, onread, signal) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (DEFAULT_PORT[url.protocol] ?? 0) : Number(url.port);
    const addresses = await allowedAddresses(url, host, resolver, addressPolicy);
    const begin = ({ address, family }: LookupAddress): ConnectAttempt => {
      const target = { host: address, family, port, noDelay: true, onread };
      if (url.protocol === 'http:') return { socket: connectTcp(target), readyEvent: 'connect' };
      context ??= createSecureContext(ca === undefined ? {} : { ca: [...rootCertificates, ca] });
      const session = sessions.get(url.origin);
      const socket = connectTls({
        ...target,
        secureContext: context,
        // SNI takes no address (RFC 6066, 3); it is checked against the certificate all the same.
        servername: isIP(host) === 0 ? host : '',
        ALPNProtocols: ['http/1.1'],
        ...(session === undefined ? {} : { session }),
      });
      // A session that is resumed is not checked again: only one whose certificate was verified is kept.
      const keep = (fresh: Buffer): unknown => sessions.set(url.origin, fresh);
      socket.on('session', (fresh) =>
        socket.authorized ? keep(fresh) : socket.once('secureConnect', () => keep(fresh)),
      );
      return { socket, readyEvent: 'secureConnect' };
    };
    return await firstToConnect(addresses, begin, signal);
  };
}

/** Of what a host resolves to, the addresses that the policy lets pass; refused if that is none. */
async function allowedAddresses(
  url: URL,
  host: string,
  resolver: Pick<NameResolver, 'resolve'>,
  policy: AddressPolicy,
): Promise<Addresses> {
  const family = isIP(host);
  const addresses = family === 0 ? await resolver.resolve(host) : [{ address: host, family }];
  const allowed = addresses.filter(({ address }) => policy(address) === undefined);
  if (allowed.length > 0) return allowed;
  const refused = addresses[0]?.address ?? '';
  throw new AddressRefusedError(url, refused, policy(refused) ?? 'no address');
}
