/** A data connection, read into memory of the reader. Between two reads the server is held up. */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Awaitable } from '../../../awaitable.js';
import type { BodyTarget } from '../../body-target.js';
import { ExchangeBody, type IncomingBody } from '../../http/exchange-body.js';
import type { ReceivingConnection } from '../../http/http-engine.js';
import { CONNECTION_IDLE } from '../../http/http-failure.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';

/** What comes first. The rest goes into memory of the reader. */
const OWN_BYTES = 16 * 1024;

/** Made once: a stack trace takes longer than to close a connection. */
const [CLOSED, BROKEN] = [
  new Error('the data connection was closed'),
  new Error('the data connection broke'),
];

export class DataConnection {
  readonly #body: Awaitable<IncomingBody>;
  readonly #destroy: () => void;

  private constructor(body: Awaitable<IncomingBody>, destroy: () => void) {
    this.#body = body;
    this.#destroy = destroy;
  }

  /** Plain: what comes goes into the reader's memory at once. `onFailure`: it could not be connected, or broke. */
  static connect(address: string, port: number, onFailure: (error: Error) => void): DataConnection {
    const body = new ExchangeBody(0);
    let own: Buffer | undefined;
    const onread: OnReadOpts = {
      buffer: () => body.nextBuffer() ?? (own ??= Buffer.allocUnsafeSlow(OWN_BYTES)),
      callback: (bytes, buffer) => {
        const wait = body.push(buffer.subarray(0, bytes));
        void wait?.then(() => socket.resume());
        return wait === undefined;
      },
    };
    const socket = connect({ host: address, port, onread });
    return DataConnection.#over(socket, body, onFailure);
  }

  /** Over TLS what comes is copied. */
  static ofTls(socket: TLSSocket, onFailure: (error: Error) => void): DataConnection {
    const body = new ExchangeBody(0);
    socket.on('data', (chunk: Buffer) => {
      const wait = body.push(chunk);
      if (wait === undefined) return;
      socket.pause();
      void wait.then(() => socket.resume());
    });
    return DataConnection.#over(socket, body, onFailure);
  }

  /** In an I/O thread. */
  static ofThread(connection: ReceivingConnection, onFailure: (error: Error) => void): DataConnection {
    connection.body.catch(onFailure);
    return new DataConnection(connection.body, () => connection.destroy());
  }

  static #over(socket: Socket, body: ExchangeBody, onFailure: (error: Error) => void): DataConnection {
    const fail = (error: Error): void => {
      body.fail(error);
      onFailure(error);
    };
    socket
      .on('end', () => {
        body.end();
        socket.destroy();
      })
      .on('error', fail)
      .on('close', () => body.fail(BROKEN));
    return new DataConnection(body, () => {
      body.fail(CLOSED);
      socket.destroy();
    });
  }

  /** No byte is written to the target any more when it settles. */
  async read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    const body = this.#body instanceof Promise ? await this.#body : this.#body;
    const watch = new SlowWatch(limit, () => {
      body.fail(new Error(CONNECTION_IDLE));
      this.#destroy();
    });
    let counted = 0;
    const onBytes = (bytes: number): void => {
      limit.receivedBytes += bytes - counted;
      counted = bytes;
      target.onBytes?.(bytes);
    };
    try {
      return await body.read({ ...target, onBytes });
    } finally {
      watch.end();
    }
  }

  /** Ends it, whatever is on its way. A read fails. */
  close(): void {
    this.#destroy();
  }
}

/** Measures how long a reader waits, and whether too little comes meanwhile. */
class SlowWatch {
  readonly #limit: LowSpeedLimit;
  readonly #onSlow: () => void;
  #markMs = performance.now();
  #timer: NodeJS.Timeout;

  constructor(limit: LowSpeedLimit, onSlow: () => void) {
    this.#limit = limit;
    this.#onSlow = onSlow;
    this.#timer = this.#armed();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#note();
  }

  #armed(): NodeJS.Timeout {
    return setTimeout(
      () => {
        this.#note();
        if (this.#limit.leftMs === 0) this.#onSlow();
        else this.#timer = this.#armed();
      },
      Math.max(1, Math.ceil(this.#limit.leftMs)),
    );
  }

  #note(): void {
    const nowMs = performance.now();
    this.#limit.noteWait(nowMs - this.#markMs);
    this.#markMs = nowMs;
  }
}
