/** What the pool sees of a connection, whichever thread its socket is in. */
import type { IncomingBody } from './exchange-body.js';
import type { ResponseHead } from './response-head.js';
import type { ResolvedRoute } from './route.js';

/** Where a connection leads. */
export interface Destination {
  readonly url: URL;
  readonly route: ResolvedRoute | undefined;
  /** Of both: exchanges with the same key share connections. */
  readonly poolKey: string;
}

/** One request with its response, for the connection. Exactly one of `onEnd` and `onFailure` is called. */
export interface Exchange {
  /** In Latin-1. */
  readonly requestText: string;
  onHead(head: ResponseHead, body: IncomingBody): void;
  /** So many more bytes of the body have come. */
  onReceived(bytes: number): void;
  /** The body has ended. */
  onEnd(): void;
  /** `isStale`: the connection had been in use before, and received no byte of this response. */
  onFailure(error: Error, isStale: boolean): void;
  /** Time passes. */
  onTick(nowMs: number): void;
}

export interface ConnectionOwner {
  /** Milliseconds on any clock. */
  now(): number;
  onIdle(connection: Connection): void;
  onClosed(connection: Connection): void;
}

export interface Connection {
  readonly poolKey: string;
  /** Its socket is in an I/O thread. */
  readonly isThreaded: boolean;
  /** Since when it waits for a request; undefined while it is not idle. */
  readonly idleSinceMs: number | undefined;
  /** Its reader has paused, perhaps for long. */
  readonly isHeldUp: boolean;
  /** May be called while the connection is being made, and when it is idle. */
  send(exchange: Exchange): void;
  /** Calls nothing more of the exchange. A read of its body in progress settles when nothing will be written any more. */
  abandon(exchange: Exchange): void;
  destroy(): void;
  /** Ends the exchange in progress with `error`. Resolves when the socket is gone. */
  close(error: Error): Promise<void>;
  /** The owner checks deadlines by calling this. */
  tick(nowMs: number, idleMs: number): void;
}

/** In the place of an exchange whose rest is read to use the connection again. */
export const DISCARDING: Exchange = {
  requestText: '',
  onHead: () => undefined,
  onReceived: () => undefined,
  onEnd: () => undefined,
  onFailure: () => undefined,
  onTick: () => undefined,
};
export const DISCARD_MS = 1_000;
