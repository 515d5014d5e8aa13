/** The one place where sockets are made; whatever stands between us and an origin goes here. */
import { isIP, type LookupFunction, type OnReadOpts, type Socket, connect as connectTcp } from 'node:net';
import { connect as connectTls, createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { callbackify } from 'node:util';

import { LRUCache } from 'lru-cache';

import { type AddressPolicy, AddressRefusedError } from '../address-policy.js';
import type { NameResolver } from './name-resolver.js';

/** Begins to connect to the origin of `url`. The socket emits `READY_EVENT` when it can be written to. */
export type Connect = (url: URL, onread: OnReadOpts) => Socket;

/** By the protocol of the origin. */
export const READY_EVENT: Readonly<Record<string, string>> = {
  'http:': 'connect',
  'https:': 'secureConnect',
};

const DEFAULT_PORT: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 };
const MAX_TLS_SESSIONS = 256;
/** Of one address, before the next one is tried: after it the address is given up. Node's own default is the least. */
const ATTEMPT_SHARE = 1 / 4;
const MIN_ATTEMPT_MS = 250;

export interface ConnectOptions {
  /** An authority to trust besides those that Node brings along, in PEM. */
  readonly ca: string | undefined;
  readonly resolver: NameResolver;
  readonly addressPolicy: AddressPolicy;
  /** For all the addresses of a name together. */
  readonly connectTimeoutMs: number;
}

/** Direct connections, to the very addresses that the policy was asked about. */
export function createConnect({ ca, resolver, addressPolicy, connectTimeoutMs }: ConnectOptions): Connect {
  const autoSelectFamilyAttemptTimeout = Math.max(
    MIN_ATTEMPT_MS,
    Math.round(connectTimeoutMs * ATTEMPT_SHARE),
  );
  const sessions = new LRUCache<string, Buffer>({ max: MAX_TLS_SESSIONS });
  let context: SecureContext | undefined;

  return (url, onread) => {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    const port = url.port === '' ? (DEFAULT_PORT[url.protocol] ?? 0) : Number(url.port);
    if (isIP(host) !== 0) checkAddress(url, host, addressPolicy);
    const lookup = checkedLookup(url, resolver, addressPolicy);
    const target = {
      host,
      port,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout,
      lookup,
      onread,
    };
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

/** Of what a name resolves to, the addresses that the policy lets pass; refused if that is none. */
function checkedLookup(url: URL, resolver: NameResolver, policy: AddressPolicy): LookupFunction {
  const lookup = callbackify(async (name: string) => {
    const addresses = await resolver.resolve(name);
    const allowed = addresses.filter(({ address }) => policy(address) === undefined);
    if (allowed.length === 0) checkAddress(url, addresses[0]?.address ?? '', policy);
    return allowed;
  });
  return (name, _options, callback) => lookup(name, callback);
}

function checkAddress(url: URL, address: string, policy: AddressPolicy): void {
  const rule = policy(address);
  if (rule !== undefined) throw new AddressRefusedError(url, address, rule);
}
