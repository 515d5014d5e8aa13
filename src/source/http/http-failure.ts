/** Maps failures and statuses to `SourceError`s, and determines which of them are retryable. */
import { parseChallenges } from '../auth/challenge.js';
import {
  InterruptedError,
  ProtocolError,
  SourceError,
  type SourceErrorCode,
  TimeoutError,
  UnexpectedStatusCodeError,
} from '../errors.js';

import type { HeaderFields } from './header-fields.js';
import { parseHttpDate } from './http-date.js';
import { MalformedResponse } from './response-head.js';

export const CONNECT_LATE = 'no connection within the deadline';
export const CONNECTION_CLOSED = 'the other side closed the connection';
export const CLIENT_CLOSED = 'the client is closed';
export const HEADERS_LATE = 'no header within the deadline';
export const CONNECTION_IDLE = 'no byte within the deadline';
export const BODY_SLOW = 'a body that comes too slowly';

/** Of the authentication that is asked for. */
const [MAX_SCHEMES, MAX_SCHEME_CHARS] = [4, 20];
const MAX_DATE_CHARS = 64;
const RETRYABLE_STATUS = new Set([408, 425, 429, 500, 502, 503, 504]);

const CODES: Readonly<Record<string, SourceErrorCode>> = {
  ECONNREFUSED: 'CONNECTION_REFUSED',
  ENOTFOUND: 'HOST_UNREACHABLE',
  EAI_AGAIN: 'HOST_UNREACHABLE',
  EHOSTUNREACH: 'HOST_UNREACHABLE',
  EHOSTDOWN: 'HOST_UNREACHABLE',
  ENETUNREACH: 'NETWORK_UNREACHABLE',
  ETIMEDOUT: 'TIMEOUT',
  ERR_SOCKET_CONNECTION_TIMEOUT: 'TIMEOUT',
};

/** What a failed connection or a broken body means. */
export function failureOf(error: unknown, url: URL, signal: AbortSignal | undefined): SourceError {
  if (error instanceof SourceError) return error;
  if (signal?.aborted === true) return new InterruptedError(url, error);
  if (error instanceof MalformedResponse) {
    const facts = { expected: 'a response in HTTP/1.1', found: error.message, cause: error };
    return new ProtocolError('the response is malformed', url, facts);
  }
  const code = codeOf(error);
  const message = (error instanceof Error ? error.message : String(error)) || code;
  if (message === CLIENT_CLOSED) return new InterruptedError(url, error);
  if ([HEADERS_LATE, CONNECTION_IDLE, CONNECT_LATE, BODY_SLOW].includes(message)) {
    return new TimeoutError(url, { expected: 'a response', found: message });
  }
  if (/CERT|SSL|TLS|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    return new SourceError('TLS', 'the connection is not secure', url, {
      expected: 'TLS, and a valid certificate',
      found: code,
      cause: error,
    });
  }
  const kind = CODES[code] ?? 'CONNECTION_LOST';
  if (kind === 'TIMEOUT')
    return new TimeoutError(url, { expected: 'a connection', found: message, cause: error });
  return new SourceError(kind, 'the connection failed', url, {
    expected: 'a response',
    found: message,
    cause: error,
  });
}

/** What a status means that the request cannot use. */
export function statusFailure(
  status: number,
  header: HeaderFields,
  url: URL,
  allowed: readonly number[],
): SourceError {
  const retryAfterMs = parseRetryAfter(header.get('retry-after'));
  return new UnexpectedStatusCodeError(statusCode(status), url, status, allowed, {
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(status === 412 ? { expected: 'the version that was opened', found: 'another one (status 412)' } : {}),
    ...(status === 401 ? { found: `status 401${askedFor(header)}` } : {}),
  });
}

/** By which schemes the origin would let in, as far as it says so. */
function askedFor(header: HeaderFields): string {
  const schemes = parseChallenges(header.get('www-authenticate')).map(({ scheme }) => scheme);
  const shown = [...new Set(schemes)].filter((scheme) => scheme.length <= MAX_SCHEME_CHARS);
  return shown.length === 0 ? '' : `, which asks for ${shown.slice(0, MAX_SCHEMES).join(', ')}`;
}

/** Whether the same request may succeed a moment later. */
export function isRetryable(error: unknown): boolean {
  if (!(error instanceof SourceError)) return false;
  if (error.status !== undefined) return isRetryableStatus(error.status);
  if (error.code === 'HOST_UNREACHABLE') return !/ENOTFOUND/.test(String(error.found));
  return ['CONNECTION_REFUSED', 'CONNECTION_LOST', 'NETWORK_UNREACHABLE', 'TIMEOUT'].includes(error.code);
}

export function isRetryableStatus(status: number): boolean {
  return RETRYABLE_STATUS.has(status);
}

function statusCode(
  status: number,
): 'NOT_FOUND' | 'ACCESS_DENIED' | 'CHANGED' | 'BUSY' | 'UNEXPECTED_STATUS' {
  if (status === 404 || status === 410) return 'NOT_FOUND';
  if (status === 401 || status === 403 || status === 407 || status === 451) return 'ACCESS_DENIED';
  if (status === 412) return 'CHANGED';
  if (status === 429 || status === 503) return 'BUSY';
  return 'UNEXPECTED_STATUS';
}

/** Seconds or an HTTP date (RFC 9110, 10.2.3). */
export function parseRetryAfter(value: string | null): number | undefined {
  if (value === null) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const at = value.length > MAX_DATE_CHARS ? Number.NaN : parseHttpDate(value);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function codeOf(error: unknown): string {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    if ('code' in inner && typeof inner.code === 'string') return inner.code;
  }
  return '';
}
