/**
 * A user and password for one origin, sent by Basic or Digest as the origin wants it. Over https Basic goes with the first
 * request. Over http it would show the password to everyone on the way: there the origin is asked first, by a request
 * without credentials.
 */
import { parseChallenges } from '../auth/challenge.js';
import type { CredentialProvider } from '../auth/credentials.js';
import { DigestSession, type Login } from '../auth/digest.js';
import type { AuthorizableRequest } from './authorizer.js';
import type { Refusal } from './refusal.js';

/** Of requests that were refused at the same time. */
const MAX_UNUSED = 64;
/** A nonce that was accepted for so long was not refused for a wrong password, though some servers do not call it stale. */
const ACCEPTED_MS = 5_000;

export type PasswordScheme = 'basic' | 'digest';

/** Undefined: there is none for the origin. */
interface LoginEntry {
  readonly login: Login | undefined;
}

export class OriginLogin {
  readonly #entries: CredentialProvider<LoginEntry>;
  /** By the rule. Undefined: whichever the origin wants. */
  readonly #scheme: PasswordScheme | undefined;
  readonly #isSecure: boolean;
  #sendsBasic: boolean;
  readonly #now: () => number;
  /** The last nonce, and since when it is used. */
  #session: DigestSession | undefined;
  #sinceMs = 0;
  /** Each request that was refused has brought a nonce, which may be good for one request only. */
  #unused: DigestSession[] = [];

  constructor(
    origin: URL,
    entries: CredentialProvider<LoginEntry>,
    scheme?: PasswordScheme,
    now: () => number = performance.now.bind(performance),
  ) {
    this.#now = now;
    this.#entries = entries;
    this.#scheme = scheme;
    this.#isSecure = origin.protocol === 'https:';
    this.#sendsBasic = scheme === 'basic' || (scheme === undefined && this.#isSecure);
  }

  /** A header of Digest is good for one request; one of Basic for all. */
  get usesDigest(): boolean {
    return this.#session !== undefined || this.#unused.length > 0;
  }

  /** The value of `Authorization`; undefined: none. */
  async authorization({ method, url }: AuthorizableRequest): Promise<string | undefined> {
    const login = await this.#login();
    if (login === undefined) return undefined;
    const unused = this.#unused.shift();
    if (unused !== undefined) [this.#session, this.#sinceMs] = [unused, this.#now()];
    if (this.#session !== undefined)
      return this.#session.authorization(login, method, `${url.pathname}${url.search}`);
    return this.#sendsBasic ? basic(login) : undefined;
  }

  /** Whether the request may be sent again. */
  async refused({ status, header, authorization }: Refusal): Promise<boolean> {
    const isRenewed = (await this.#login()) === undefined && (await this.#renewed());
    if ((await this.#login()) === undefined) return false;
    if (status !== 401) return isRenewed || (await this.#renewed());
    const sent = authorization?.header?.['authorization'];
    const challenges = parseChallenges(header.get('www-authenticate'));
    const offered = this.#scheme === 'basic' ? undefined : DigestSession.of(challenges);
    const takesBasic = challenges.length === 0 || challenges.some(({ scheme }) => scheme === 'basic');
    if (offered === undefined) {
      if (takesBasic && this.#mayUseBasic(sent)) return this.#useBasic();
      return isRenewed || (await this.#renewed());
    }
    const isTried = this.#isForNewNonce(sent, offered, takesBasic) || (await this.#renewed());
    if (isTried) this.#useDigest(offered);
    return isTried;
  }

  /** Whether the password may be right. */
  #isForNewNonce(sent: string | undefined, offered: DigestSession, takesBasic: boolean): boolean {
    if (sent === undefined) return true;
    // It was refused by an origin that would have taken it.
    if (!sent.startsWith('Digest ')) return !takesBasic;
    const isLast = this.#session !== undefined && sent.includes(`nonce="${this.#session.nonce}"`);
    return offered.isStale || !isLast || this.#now() - this.#sinceMs >= ACCEPTED_MS;
  }

  /** Not over http after Digest: an attacker who changes answers on the way would see the password. */
  #mayUseBasic(sent: string | undefined): boolean {
    if (this.#scheme === 'digest') return false;
    return sent === undefined || (this.#isSecure && sent.startsWith('Digest '));
  }

  #useDigest(offered: DigestSession): void {
    if (this.#unused.length === MAX_UNUSED) this.#unused.shift();
    this.#unused.push(offered);
  }

  #useBasic(): true {
    this.#session = undefined;
    this.#unused = [];
    this.#sendsBasic = true;
    return true;
  }

  async #login(): Promise<Login | undefined> {
    return (await this.#entries.get())?.login;
  }

  /** Whether there is another one now: a file was changed. */
  async #renewed(): Promise<boolean> {
    const before = await this.#entries.get();
    if (before !== undefined) this.#entries.refused(before);
    return (await this.#entries.get()) !== before;
  }
}

function basic({ user, password }: Login): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
