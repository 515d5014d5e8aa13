/** Digest access authentication (RFC 7616, and RFC 2069 for servers without `qop`), as a client. */
import { createHash, randomBytes } from 'node:crypto';

import type { Challenge } from './challenge.js';

export interface Login {
  readonly user: string;
  readonly password: string;
}

/** As Node calls them, by the name of the algorithm without `-sess`. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['md5', 'md5'],
  ['sha-256', 'sha256'],
  ['sha-512-256', 'sha512-256'],
]);

/** One nonce of a server, with the number of requests that were made with it. Texts are Latin-1: a byte is a character. */
export class DigestSession {
  readonly nonce: string;
  /** The server says that only the nonce before was the reason of its refusal. */
  readonly isStale: boolean;
  readonly #realm: string;
  readonly #opaque: string | undefined;
  readonly #algorithm: string | undefined;
  readonly #hash: string;
  readonly #isSession: boolean;
  readonly #hasQop: boolean;
  /** One for all requests: a hash of `-sess` is made with the first one. */
  readonly #cnonce: string;
  #count = 0;
  /** The hash of the password, for the login of the last request. */
  #known: { readonly login: Login; readonly hash: string } | undefined;

  /** Of the first challenge that is supported: a server lists first what it prefers. Undefined: there is none. */
  static of(
    challenges: readonly Challenge[],
    cnonce = randomBytes(16).toString('hex'),
  ): DigestSession | undefined {
    for (const { scheme, parameters } of challenges) {
      const hash = HASHES.get(algorithmOf(parameters).replace(/-sess$/, ''));
      const offers = parameters['qop']?.toLowerCase().split(/[\s,]+/);
      const isSupported = hash !== undefined && offers?.includes('auth') !== false;
      if (scheme === 'digest' && isSupported && parameters['nonce'] !== undefined)
        return new DigestSession(parameters, { hash, hasQop: offers !== undefined, cnonce });
    }
    return undefined;
  }

  private constructor(
    parameters: Challenge['parameters'],
    { hash, hasQop, cnonce }: { readonly hash: string; readonly hasQop: boolean; readonly cnonce: string },
  ) {
    this.nonce = parameters['nonce'] ?? '';
    this.isStale = parameters['stale']?.toLowerCase() === 'true';
    this.#realm = parameters['realm'] ?? '';
    this.#opaque = parameters['opaque'];
    this.#algorithm = parameters['algorithm'];
    this.#hash = hash;
    this.#isSession = algorithmOf(parameters).endsWith('-sess');
    this.#hasQop = hasQop;
    this.#cnonce = cnonce;
  }

  /** The value of `Authorization` for one request; `target` is its path and query as they are sent. */
  authorization(login: Login, method: string, target: string): string {
    this.#count += 1;
    const count = this.#count.toString(16).padStart(8, '0');
    const password = this.#passwordHash(login);
    const first = this.#isSession ? this.#digest(`${password}:${this.nonce}:${this.#cnonce}`) : password;
    const last = this.#digest(`${method}:${target}`);
    const between = this.#hasQop ? `${this.nonce}:${count}:${this.#cnonce}:auth` : this.nonce;
    const parts = [
      `username=${quoted(bytesOf(login.user))}`,
      `realm=${quoted(this.#realm)}`,
      `nonce=${quoted(this.nonce)}`,
      `uri=${quoted(target)}`,
      ...(this.#hasQop ? [`qop=auth`, `nc=${count}`] : []),
      ...(this.#hasQop || this.#isSession ? [`cnonce=${quoted(this.#cnonce)}`] : []),
      `response="${this.#digest(`${first}:${between}:${last}`)}"`,
      ...(this.#algorithm === undefined ? [] : [`algorithm=${this.#algorithm}`]),
      ...(this.#opaque === undefined ? [] : [`opaque=${quoted(this.#opaque)}`]),
    ];
    return `Digest ${parts.join(', ')}`;
  }

  #passwordHash(login: Login): string {
    if (this.#known?.login !== login) {
      const hash = this.#digest(`${bytesOf(login.user)}:${this.#realm}:${bytesOf(login.password)}`);
      this.#known = { login, hash };
    }
    return this.#known.hash;
  }

  #digest(text: string): string {
    return createHash(this.#hash).update(text, 'latin1').digest('hex');
  }
}

/** In lower case. */
function algorithmOf(parameters: Challenge['parameters']): string {
  return (parameters['algorithm'] ?? 'md5').toLowerCase();
}

/** UTF-8, as servers expect it (`charset=UTF-8`). */
function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
