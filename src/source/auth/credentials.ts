import type { Awaitable } from '../../awaitable.js';

/**
 * Gives credentials that are valid now. They are refreshed before they expire, one refresh at a time.
 * A failure to get them (a file that is missing, a helper that fails) rejects.
 */
export interface CredentialProvider<Credentials> {
  /** Undefined: none are found, the request goes out anonymous. */
  get(signal?: AbortSignal): Awaitable<Credentials | undefined>;
  /** What was given was refused: the next `get` fetches anew, but not more often than every few seconds. */
  refused(given: Credentials): void;
  /** A sentence for a later refusal of an anonymous request: where credentials were looked for. Undefined: some were found. */
  readonly notFound?: string | undefined;
}

/** For `Authorization: Bearer`. */
export interface BearerToken {
  readonly token: string;
  readonly expiresAtMs?: number;
}
