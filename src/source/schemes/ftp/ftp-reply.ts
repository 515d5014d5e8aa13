/** What the replies of a server mean (RFC 959, 4.2; RFC 4217). */
import { SourceError, type SourceErrorCode } from '../../errors.js';

/** The reply to a command that was refused, or did not end well. */
export class RefusedReply extends Error {
  override readonly name = 'RefusedReply';
  readonly code: number;
  /** In Latin-1. */
  readonly text: string;
  /** It may repeat what the server was sent: a password is not for logs. */
  readonly isShown: boolean;

  constructor(code: number, text: string, isShown: boolean) {
    super(`reply ${code}`);
    this.code = code;
    this.text = text;
    this.isShown = isShown;
  }

  /** The server does not know the command, or not with this parameter. */
  get isUnknown(): boolean {
    return this.code >= 500 && this.code <= 504;
  }

  get saysDenied(): boolean {
    return /permission|denied|not allowed|forbidden|privilege/i.test(this.text);
  }

  /** Too many connections already, of this client or of all. */
  get saysTooMany(): boolean {
    return this.code === 421 || (this.code === 530 && /too many|maximum|limit/i.test(this.text));
  }

  failure(url: URL): SourceError {
    const text = Buffer.from(this.text, 'latin1').toString().replace(/\s+/g, ' ').slice(0, MAX_SHOWN_CHARS);
    const [code, message] = this.#meaning();
    return new SourceError(code, message, url, {
      expected: 'a reply that grants it',
      found: this.isShown ? text : `reply ${this.code}`,
      status: this.code,
      cause: this,
    });
  }

  #meaning(): [SourceErrorCode, string] {
    const { code } = this;
    if (this.saysTooMany) return ['BUSY', 'the server takes no more connections'];
    if (code === 425 || code === 426) return ['CONNECTION_LOST', 'the data connection failed'];
    if (code === 430 || code === 530 || code === 532)
      return ['ACCESS_DENIED', 'the server refuses the login'];
    if (code === 450 || code === 451 || code === 452) return ['BUSY', 'the server cannot serve it now'];
    if (code === 533 || code === 534 || code === 522) return ['TLS', 'the server demands another security'];
    if (code === 550 && !this.saysDenied) return ['NOT_FOUND', 'no such resource'];
    if (code === 550 || code === 553) return ['ACCESS_DENIED', 'the server denies access'];
    return ['UNEXPECTED_STATUS', 'the server refuses the command'];
  }
}

const MAX_SHOWN_CHARS = 200;
const RETRYABLE = new Set<SourceErrorCode>([
  'BUSY',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'NETWORK_UNREACHABLE',
  'TIMEOUT',
]);

export function isRetryable(error: unknown): boolean {
  if (!(error instanceof SourceError)) return false;
  return (
    RETRYABLE.has(error.code) || (error.code === 'HOST_UNREACHABLE' && !/ENOTFOUND/.test(String(error.found)))
  );
}
