/** Whether the key of a host is the one that is known. */
import { hash } from 'node:crypto';

import { SourceError } from '../../errors.js';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { type KnownHost, knownName } from './known-hosts.js';

/** By the type of a key, the signatures that it makes; the best first. */
const ALGORITHMS: Readonly<Record<string, readonly ServerHostKeyAlgorithm[]>> = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ecdsa-sha2-nistp384': ['ecdsa-sha2-nistp384'],
  'ecdsa-sha2-nistp521': ['ecdsa-sha2-nistp521'],
  // One key makes all of them (RFC 8332).
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa'],
};

/** Those of the keys that are known, so that a host with several keys shows one of them; of an unknown host, all. */
export function hostKeyAlgorithms({ keys }: KnownHost): ServerHostKeyAlgorithm[] {
  const types = Object.keys(ALGORITHMS).filter((type) => keys.some((known) => known.type === type));
  return (types.length > 0 ? types : Object.keys(ALGORITHMS)).flatMap((type) => ALGORITHMS[type] ?? []);
}

export interface HostPlace {
  readonly url: URL;
  /** Under which its key is known. */
  readonly host: string;
  readonly port: number;
  readonly knownHostsFile: string;
}

/** Why a key is refused; undefined: it is known. */
export function checkHostKey(key: Buffer, known: KnownHost, place: HostPlace): HostKeyError | undefined {
  const isKey = (one: { readonly key: Buffer }): boolean => one.key.equals(key);
  const revoked = known.revoked.find(isKey);
  if (revoked !== undefined) {
    return new HostKeyError(
      place,
      'its key is revoked',
      `a key that is not revoked in ${revoked.place}`,
      key,
    );
  }
  if (known.keys.some(isKey)) return undefined;
  const [first] = known.keys;
  if (first !== undefined) {
    const expected = `${fingerprintOf(first.key)}, as ${first.place} has it; if the host has a new key, replace that line by: ${lineOf(key, place)}`;
    return new HostKeyError(place, 'its key has changed, or another host answers', expected, key);
  }
  const [authority] = known.authorities;
  const unused =
    authority === undefined
      ? ''
      : ` (the authority of ${authority.place} is not used: certificates of hosts are not supported)`;
  const expected = `a key in ${place.knownHostsFile}${unused}; if it is the right one, add the line: ${lineOf(key, place)}`;
  return new HostKeyError(place, 'its key is not known', expected, key);
}

/** The key of a host is not the one that is known. */
export class HostKeyError extends SourceError {
  override readonly name = 'HostKeyError';
  constructor({ url }: HostPlace, why: string, expected: string, key: Buffer | undefined) {
    const found = key === undefined ? 'none of a known type' : `${typeOf(key)} ${fingerprintOf(key)}`;
    super('HOST_KEY', `the host is not trusted: ${why}`, url, { expected, found });
  }
}

/** The line of a file of known hosts. */
function lineOf(key: Buffer, { host, port }: HostPlace): string {
  return `${knownName(host, port)} ${typeOf(key)} ${key.toString('base64')}`;
}

/** As ssh-keygen(1) prints it. */
function fingerprintOf(key: Buffer): string {
  return `SHA256:${hash('sha256', key, 'base64').replace(/=+$/, '')}`;
}

/** The first field of a key. ssh2 has checked it. */
function typeOf(key: Buffer): string {
  return key.toString('latin1', 4, 4 + key.readUInt32BE(0));
}
