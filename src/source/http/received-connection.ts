/** A connection of a source that speaks no HTTP, by which a body comes and nothing else, in an I/O thread. */
import { isIP } from 'node:net';

import { withResolvers } from '../../with-resolvers.js';
import type { ConnectionOwner, Exchange } from './connection.js';
import type { IncomingBody } from './exchange-body.js';
import type { ResponseHead } from './response-head.js';
import type { IoThread } from './io-thread.js';
import { ThreadedConnection } from './threaded-connection.js';

export class ReceivedConnection implements ConnectionOwner, Exchange {
  readonly requestText = '';
  /** When it is connected. */
  readonly body: Promise<IncomingBody>;
  readonly #opening = withResolvers<IncomingBody>();
  readonly #connection: ThreadedConnection;
  #body: IncomingBody | undefined;

  /** `address` is allowed. Its caller has the deadline. */
  constructor(address: string, port: number, thread: IoThread) {
    const family = isIP(address);
    const url = new URL(`tcp://${family === 6 ? `[${address}]` : address}:${port}`);
    const plan = { url: url.href, key: '', addresses: [{ address, family }] };
    this.body = this.#opening.promise;
    this.body.catch(() => undefined);
    const destination = { url, route: undefined, poolKey: '' };
    this.#connection = new ThreadedConnection(this, destination, 0, thread, () => Promise.resolve(plan));
    this.#connection.send(this);
  }

  /** A read fails when nothing is written to its target any more. */
  destroy(): void {
    this.onFailure(new Error('the connection was closed'));
    this.#connection.destroy();
  }

  now(): number {
    return performance.now();
  }

  onHead(_: ResponseHead, body: IncomingBody): void {
    this.#body = body;
    this.#opening.resolve(body);
  }

  onFailure(error: Error): void {
    this.#opening.reject(error);
    this.#body?.fail(error);
  }

  onReceived(): void {}

  onEnd(): void {}

  onTick(): void {}

  onIdle(): void {}

  onClosed(): void {}
}
