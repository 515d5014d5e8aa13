import type { Awaitable } from '../../awaitable.js';
import type { Authorization } from './authorization.js';
import type { Refusal } from './refusal.js';

export type { Authorization } from './authorization.js';

/** One try of a request, about to be sent to one hop. */
export interface AuthorizableRequest {
  readonly method: string;
  readonly url: URL;
  /** All that will be sent but what the authorizer adds; names in lower case. */
  readonly header: Readonly<Record<string, string>>;
}

/** Who signs requests. Called for every try and every hop, so that dates and tokens are fresh. */
export interface Authorizer {
  /** Undefined: nothing for this hop; what it has belongs to another origin. */
  authorize(
    request: AuthorizableRequest,
    signal: AbortSignal | undefined,
  ): Awaitable<Authorization | undefined>;
  /**
   * What a cluster of Dragonfly gets, which sends it for an hour, with any range, from any node. A signature in the query rather than
   * one in the header. Undefined: nothing that would be accepted so. Absent: as `authorize`.
   */
  share?(request: AuthorizableRequest, signal: AbortSignal | undefined): Awaitable<Authorization | undefined>;
  /** Whether the request may be sent again, once to an origin: there is a new token, or the refusal named the region or the time. */
  refused?(refusal: Refusal, signal: AbortSignal | undefined): Awaitable<boolean>;
}
