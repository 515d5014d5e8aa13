/**
 * One connection, kept alive: it sends one request at a time, and parses the response out of one buffer that
 * every read fills anew. A taker of the body that returns a promise owns that buffer until the promise is
 * settled, so the socket is not read meanwhile.
 *
 * The owner checks deadlines by calling `tick`; a read only leaves a mark.
 */
import { once } from 'node:events';
import type { OnReadOpts, Socket } from 'node:net';

import { wasEndedByCloseNotify } from './close-notify.js';
import type { Connect } from './connect.js';
import {
  type Connection,
  type ConnectionOwner,
  type Destination,
  DISCARD_MS,
  DISCARDING,
  type Exchange,
} from './connection.js';
import { CONNECT_LATE, CONNECTION_CLOSED } from './http-failure.js';
import { ExchangeBody } from './exchange-body.js';
import { ResponseParser, type ResponseHandler } from './response-parser.js';

/** What one read takes at most. With 64 KiB the system's share of the time is larger; more than this gains nothing. */
const READ_BYTES = 256 * 1024;
/** The rest of an abandoned body that is cheaper to read than a new connection is to open. */
const MAX_DISCARD_BYTES = 64 * 1024;

/** What is not the pool's alone. */
export interface SocketOwner extends ConnectionOwner {
  readonly connect: Connect;
  /** Default: as `ExchangeBody` says. */
  readonly maxKeptBytes?: number;
}

const IGNORING: ResponseHandler = { onHead: () => undefined, onBody: () => undefined };

export class HttpConnection implements Connection {
  readonly poolKey: string;
  readonly isThreaded = false;
  readonly #owner: SocketOwner;
  readonly #connecting = new AbortController();
  /** Undefined until it is connected. */
  #socket: Socket | undefined;
  readonly #isTls: boolean;
  /** The other side sends at once, and a body alone. */
  readonly #isBodyOnly: boolean;
  readonly #buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  #spare: Buffer | undefined;
  /** The next read goes into memory of the body's reader. */
  #isBufferProvided = false;
  /** The one of the two that was parsed last. */
  #parsed: Buffer | undefined;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';
  /** When connecting, discarding or being idle has lasted too long. */
  #deadlineMs: number;
  #idleSinceMs = 0;
  #isUsed = false;
  #exchange: Exchange | undefined;
  #body: ExchangeBody | undefined;
  #parser = new ResponseParser(IGNORING);
  #hasResponse = false;
  #wasActive = false;
  /** The reader has taken no received bytes for a whole tick. */
  #isHeldUp = false;
  /** What was read and must wait: the rest of the buffer, and what TLS had decrypted by then. */
  #held: Buffer[] = [];
  /** What the socket has come to. Only an orderly end may end a body that has no length. */
  #socketEnd: 'orderly' | 'broken' | undefined;
  /** A read has stopped reading. */
  #isPaused = false;
  readonly #resume = (): void => {
    const socket = this.#socket;
    if (socket === undefined || this.#parser.wait !== undefined || this.#state === 'closed') return;
    this.#isPaused = false;
    socket.resume();
  };

  constructor(owner: SocketOwner, { url, route, poolKey }: Destination, connectTimeoutMs: number) {
    this.poolKey = poolKey;
    this.#owner = owner;
    this.#deadlineMs = owner.now() + connectTimeoutMs;
    this.#isTls = url.protocol === 'https:';
    this.#isBodyOnly = url.protocol === 'tcp:';
    const onread: OnReadOpts = {
      buffer: () => this.#nextBuffer(),
      callback: (bytes, buffer) => this.#onRead(buffer as Buffer, bytes),
    };
    owner.connect(url, onread, this.#connecting.signal, route).then(
      (socket) => this.#onConnect(socket),
      (error: unknown) => this.#fail(error instanceof Error ? error : new Error(String(error))),
    );
  }

  get idleSinceMs(): number | undefined {
    return this.#exchange === undefined && this.#state === 'open' ? this.#idleSinceMs : undefined;
  }

  get isHeldUp(): boolean {
    return this.#isHeldUp;
  }

  send(exchange: Exchange): void {
    const body = new ExchangeBody(this.#owner.maxKeptBytes);
    this.#exchange = exchange;
    this.#body = body;
    this.#parser = new ResponseParser({
      onHead: (head) => exchange.onHead(head, body),
      onBody: (chunk) => {
        exchange.onReceived(chunk.byteLength);
        return body.push(chunk);
      },
    });
    this.#hasResponse = false;
    if (this.#state === 'open') this.#write(exchange);
  }

  abandon(exchange: Exchange): void {
    if (this.#exchange !== exchange) return;
    const left = this.#parser.leftBytes;
    // Memory of the exchange must not be written to any more, and nothing but the end takes it from a socket.
    const mustEnd = this.#isBufferProvided || this.#state !== 'open';
    if (left === undefined || left > MAX_DISCARD_BYTES || mustEnd) {
      this.destroy();
      return;
    }
    this.#parser.handOver(IGNORING);
    this.#body = undefined;
    this.#exchange = DISCARDING;
    this.#deadlineMs = this.#owner.now() + DISCARD_MS;
  }

  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#exchange = undefined;
    this.#held = [];
    this.#connecting.abort();
    this.#socket?.destroy();
    this.#owner.onClosed(this);
  }

  async close(error: Error): Promise<void> {
    const socket = this.#socket;
    const closed = socket === undefined || socket.closed ? undefined : once(socket, 'close');
    this.#fail(error);
    await closed;
  }

  tick(nowMs: number, idleMs: number): void {
    const wasActive = this.#wasActive;
    this.#wasActive = false;
    this.#isHeldUp = this.#parser.wait !== undefined && !wasActive;
    if (this.#state === 'connecting' && nowMs >= this.#deadlineMs) this.#fail(new Error(CONNECT_LATE));
    else if (this.#exchange === DISCARDING && nowMs >= this.#deadlineMs) this.destroy();
    else if (this.#exchange !== undefined) this.#exchange.onTick(nowMs);
    else if (nowMs - this.#idleSinceMs >= idleMs) this.destroy();
  }

  #onConnect(socket: Socket): void {
    if (this.#state !== 'connecting') {
      socket.destroy();
      return;
    }
    this.#state = 'open';
    this.#socket = socket
      .on('end', () => this.#onEnd(this.#isOrderly(socket) ? 'orderly' : 'broken'))
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#onEnd('broken'));
    if (this.#exchange !== undefined) this.#write(this.#exchange);
  }

  #isOrderly(socket: Socket): boolean {
    return !this.#isTls || wasEndedByCloseNotify(socket, this.#isPaused);
  }

  #write(exchange: Exchange): void {
    this.#socket?.ref();
    if (this.#isBodyOnly) {
      this.#hasResponse = true;
      this.#parser.beginBody();
      return;
    }
    this.#socket?.write(exchange.requestText, 'latin1');
  }

  #nextBuffer(): Buffer {
    const provided = this.#providedBuffer();
    this.#isBufferProvided = provided !== undefined;
    return provided ?? this.#ownBuffer();
  }

  /**
   * Memory of the body's reader. Not for its last part, so that a connection can still be kept when a
   * short rest is cancelled.
   */
  #providedBuffer(): Buffer | undefined {
    const { endsWithConnection, wait } = this.#parser;
    const { leftBytes = endsWithConnection ? Infinity : 0 } = this.#parser;
    if (wait !== undefined || this.#held.length > 0 || leftBytes <= MAX_DISCARD_BYTES) return;
    const provided = this.#body?.nextBuffer();
    return (
      provided && Buffer.from(provided.buffer, provided.byteOffset, Math.min(provided.byteLength, leftBytes))
    );
  }

  /** TLS hands over what it has decrypted even when reading is paused: not into memory that is lent. */
  #ownBuffer(): Buffer {
    const isLent = this.#isTls && this.#parser.wait !== undefined && this.#parsed === this.#buffer;
    if (!isLent) return this.#buffer;
    this.#spare ??= Buffer.allocUnsafeSlow(READ_BYTES);
    return this.#spare;
  }

  /** Returns whether to read on. */
  #onRead(buffer: Buffer, bytes: number): boolean {
    this.#wasActive = true;
    this.#hasResponse = true;
    this.#isBufferProvided = false;
    if (this.#parser.wait === undefined) {
      this.#parsed = buffer;
      this.#parse(buffer.subarray(0, bytes));
    } else {
      this.#held.push(Buffer.from(buffer.subarray(0, bytes)));
    }
    this.#isPaused = true;
    if (this.#parser.wait !== undefined || this.#state !== 'open') return false;
    this.#isPaused = !this.#mayReadAtOnce;
    if (!this.#isPaused) return true;
    setImmediate(this.#resume);
    return false;
  }

  /**
   * libuv takes a reset behind what it has just read for an end, unless reading stops and
   * is not resumed in the same step: then it reads once more, and gets the error.
   */
  get #mayReadAtOnce(): boolean {
    return this.#isTls || !this.#parser.endsWithConnection;
  }

  #parse(bytes: Buffer): void {
    if (this.#exchange === undefined) {
      this.destroy(); // Bytes without a request.
      return;
    }
    const parser = this.#parser;
    let at: number;
    try {
      at = parser.execute(bytes, 0);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#state === 'closed') return;
    if (at < bytes.length) this.#held.unshift(bytes.subarray(at));
    if (parser.wait !== undefined) this.#waitFor(parser.wait);
    else if (parser.isDone) this.#finish();
  }

  #waitFor(wait: Promise<void>): void {
    void wait.then(() => {
      this.#parser.wait = undefined;
      this.#isHeldUp = false;
      this.#goOn();
    });
  }

  #goOn(): void {
    if (this.#parser.isDone && this.#exchange !== undefined) this.#finish();
    while (this.#parser.wait === undefined && this.#state !== 'closed') {
      const held = this.#held.shift();
      if (held === undefined) {
        if (this.#socketEnd !== undefined) this.#onEnd(this.#socketEnd);
        else if (this.#mayReadAtOnce) this.#resume();
        else setImmediate(this.#resume);
        return;
      }
      this.#parse(held);
    }
  }

  /** The response is complete. */
  #finish(): void {
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#isUsed = true;
    if (!this.#parser.keepsAlive || this.#held.length > 0 || this.#socketEnd !== undefined) this.destroy();
    this.#body?.end();
    exchange?.onEnd();
    if (this.#state === 'closed') return;
    this.#idleSinceMs = this.#owner.now();
    this.#socket?.unref();
    this.#owner.onIdle(this);
  }

  /** The server has closed, or the socket is closed. */
  #onEnd(end: 'orderly' | 'broken'): void {
    this.#socketEnd ??= end;
    if (this.#parser.wait !== undefined) return;
    if (this.#socketEnd === 'orderly') this.#parser.finish();
    if (this.#exchange !== undefined && this.#hasResponse && this.#parser.isDone) this.#finish();
    else this.#fail(new Error(CONNECTION_CLOSED));
  }

  #fail(error: Error): void {
    const exchange = this.#exchange;
    this.destroy();
    exchange?.onFailure(error, this.#isUsed && !this.#hasResponse);
  }
}
