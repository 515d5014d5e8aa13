import type { RequestPriority } from '../request.js';
import type { Destination, Exchange } from './connection.js';

/** An exchange that waits for a connection of the pool, or has one. */
export interface PooledExchange extends Exchange, Destination {
  /** The user that it is for, on a shared mount. */
  readonly uid: number | undefined;
  /** As far as is known how long the response will be; 0: it is small, or no matter. */
  readonly expectedBytes: number;
  priority: RequestPriority;
  /** Set when a kept-alive connection proved closed: its siblings may be as well. */
  readonly needsNewConnection: boolean;
}
