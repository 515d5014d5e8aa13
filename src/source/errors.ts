/**
 * Every way in which a source can fail. An error carries a stable `code` and the facts as fields; the
 * message is a sentence made of them. No error has an errno: `src/mount/errno.ts` maps the codes.
 */

import type { ContentDigest } from './content-digest.js';
import { redactUrl, safeText } from './safe-text.js';

/** Stable codes, one per kind of failure. */
export type SourceErrorCode =
  | 'NOT_FOUND'
  | 'IS_DIRECTORY'
  | 'ACCESS_DENIED'
  | 'ADDRESS_REFUSED'
  /** Stored where it cannot be read before it is restored. */
  | 'ARCHIVED'
  /** The configuration lacks what the source needs. */
  | 'NOT_CONFIGURED'
  | 'INSECURE_REDIRECT'
  | 'CHANGED'
  /** All bytes of a version came, and are not those of which the source gives the digest. */
  | 'CORRUPT'
  | 'TIMEOUT'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_LOST'
  | 'HOST_UNREACHABLE'
  | 'NETWORK_UNREACHABLE'
  | 'TLS'
  /** The key of an SSH host is not known, or another one. */
  | 'HOST_KEY'
  | 'BUSY'
  | 'PROTOCOL'
  | 'UNEXPECTED_STATUS'
  | 'INVALID_REQUEST'
  | 'NO_CLIENT'
  | 'LIST_NOT_SUPPORTED'
  | 'CLIENT_FAULT'
  | 'INTERRUPTED';

export interface SourceErrorFacts {
  /** What was expected, as words for the log. */
  readonly expected?: string;
  /** What came instead, as words for the log. */
  readonly found?: string;
  /** The HTTP status (or the source's counterpart), where there was one. */
  readonly status?: number;
  /** How long the source requests to wait before a retry. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** Any failure of a source. All of it but the cause is safe to log (`safe-text`). */
export class SourceError extends Error {
  override readonly name: string = 'SourceError';
  readonly code: SourceErrorCode;
  readonly url: string;
  readonly expected: string | undefined;
  readonly found: string | undefined;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(code: SourceErrorCode, message: string, url: URL | string, facts: SourceErrorFacts = {}) {
    const safeUrl = redactUrl(url);
    super(`${safeText(message)}: ${safeUrl}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.url = safeUrl;
    this.expected = facts.expected === undefined ? undefined : safeText(facts.expected);
    this.found = facts.found === undefined ? undefined : safeText(facts.found);
    this.status = facts.status;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** No source is queried (`--offline`). */
export class OfflineError extends SourceError {
  override readonly name = 'OfflineError';
  constructor(url: URL | string) {
    const facts = { expected: 'something cached', found: 'nothing that answers this' };
    super('NETWORK_UNREACHABLE', 'the mount is offline', url, facts);
  }
}

/** The source reports that there is no such resource (404, 410, no such key). */
export class NotFoundError extends SourceError {
  override readonly name = 'NotFoundError';
  constructor(url: URL | string, facts: SourceErrorFacts = {}) {
    super('NOT_FOUND', 'no such resource', url, facts);
  }
}

/** The resource is a directory, and was to be read as a file. */
export class IsDirectoryError extends SourceError {
  override readonly name = 'IsDirectoryError';
  constructor(url: URL | string) {
    super('IS_DIRECTORY', 'is a directory', url);
  }
}

/** The resource is no longer the version that the request was pinned to. */
export class ChangedError extends SourceError {
  override readonly name = 'ChangedError';
  constructor(url: URL | string, facts: SourceErrorFacts) {
    super('CHANGED', 'the resource changed', url, facts);
  }
}

/** The content of a version is not that of which the source gives the digest. */
export class CorruptError extends SourceError {
  override readonly name = 'CorruptError';
  constructor(url: URL | string, expected: ContentDigest, found: string) {
    super('CORRUPT', 'the content does not have the digest that the source gives', url, {
      expected: `${expected.algorithm} ${expected.hex}`,
      found: `${expected.algorithm} ${found}`,
    });
  }
}

/** The response breaks its protocol: wrong range, short or long body, encoded body. Never used as data. */
export class ProtocolError extends SourceError {
  override readonly name = 'ProtocolError';
  constructor(message: string, url: URL | string, facts: SourceErrorFacts) {
    super('PROTOCOL', message, url, facts);
  }
}

/** Nothing came from the source within the deadline, retries included. */
export class TimeoutError extends SourceError {
  override readonly name = 'TimeoutError';
  constructor(url: URL | string, facts: SourceErrorFacts) {
    super('TIMEOUT', 'timed out', url, facts);
  }
}

/** The caller gave up. Never retried, never logged as a failure of the source. */
export class InterruptedError extends SourceError {
  override readonly name = 'InterruptedError';
  constructor(url: URL | string, cause?: unknown) {
    super('INTERRUPTED', 'interrupted', url, { cause });
  }
}

/**
 * A status that the request cannot use. The message is Dragonfly's
 * (`UnexpectedStatusCodeError`, pkg/source/source_client.go).
 */
export class UnexpectedStatusCodeError extends SourceError {
  override readonly name = 'UnexpectedStatusCodeError';
  constructor(
    code: Extract<SourceErrorCode, 'NOT_FOUND' | 'ACCESS_DENIED' | 'CHANGED' | 'BUSY' | 'UNEXPECTED_STATUS'>,
    url: URL | string,
    got: number,
    allowed: readonly number[],
    facts: SourceErrorFacts = {},
  ) {
    const expected = allowed.join(' or ');
    super(code, `status code from source is ${got}; was expecting ${expected}`, url, {
      expected: `status ${expected}`,
      found: `status ${got}`,
      status: got,
      ...facts,
    });
  }
}

/** No client is registered for the scheme (Dragonfly's `ErrNoClientFound`). */
export class NoClientFoundError extends SourceError {
  override readonly name = 'NoClientFoundError';
  constructor(scheme: string) {
    super('NO_CLIENT', `scheme ${scheme}: no source client found`, `${scheme}://`);
  }
}

/** There is a client for the scheme, and it cannot be loaded. */
export class ClientUnusableError extends SourceError {
  override readonly name = 'ClientUnusableError';
  constructor(scheme: string, kind: 'plugin' | 'source', cause: unknown) {
    const found = cause instanceof Error ? cause.message : String(cause);
    super('CLIENT_FAULT', `the ${kind} for scheme ${scheme} cannot be used`, `${scheme}://`, {
      expected: `a ${kind} that loads`,
      found,
      cause,
    });
  }
}

/** The client has no `list` (Dragonfly's `ErrClientNotSupportList`). */
export class ListNotSupportedError extends SourceError {
  override readonly name = 'ListNotSupportedError';
  constructor(url: URL | string) {
    super('LIST_NOT_SUPPORTED', 'source client not support list', url);
  }
}

/** A client broke its contract: it threw something that is no `SourceError`, or returned a wrong type. */
export class ClientFaultError extends SourceError {
  override readonly name = 'ClientFaultError';
  constructor(method: string, url: URL | string, facts: SourceErrorFacts) {
    super('CLIENT_FAULT', `the source client's ${method} failed`, url, facts);
  }
}
