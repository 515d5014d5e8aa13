/** A data connection, read into memory of the reader. Between two reads the server is held up. */
import type { OnReadOpts, Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { BodyTarget } from '../../body-target.js';
import { CONNECTION_IDLE } from '../../http/http-failure.js';
import type { LowSpeedLimit } from '../../http/low-speed-limit.js';
import { TargetCursor } from '../../target-cursor.js';
import { withResolvers } from '../../../with-resolvers.js';

/** What comes first. The rest goes into memory of the reader. */
const OWN_BYTES = 16 * 1024;

type DataEnd = 'orderly' | { readonly error: unknown };

interface Reading {
  readonly cursor: TargetCursor;
  readonly resolve: (bytes: number) => void;
  readonly reject: (error: unknown) => void;
}

export class DataConnection {
  /** To connect with: what comes goes into the reader's memory at once. Over TLS it is copied there. */
  readonly onread: OnReadOpts = {
    buffer: () => this.#nextBuffer(),
    callback: (bytes, buffer) => this.#onChunk(buffer.subarray(0, bytes)),
  };
  #own: Uint8Array | undefined;
  #socket: Socket | undefined;
  #reading: Reading | undefined;
  /** Received while no read was running. */
  #held: Uint8Array[] = [];
  #end: DataEnd | undefined;

  /** The socket was connected with `onread`. */
  open(socket: Socket): void {
    this.#follow(socket);
  }

  /** Connected, and not read yet. */
  hold(socket: Socket): void {
    this.#socket = socket.on('error', (error) => this.#fail(error));
  }

  /** Over a socket that was held. */
  openTls(socket: TLSSocket): void {
    this.#follow(socket);
    socket.on('data', (chunk: Buffer) => {
      if (!this.#onChunk(chunk)) socket.pause();
    });
  }

  /** No byte is written to the target any more when it settles. */
  read(target: BodyTarget, limit: LowSpeedLimit): Promise<number> {
    const { promise, resolve, reject } = withResolvers<number>();
    const watch = new SlowWatch(limit, () => this.#fail(new Error(CONNECTION_IDLE)));
    let counted = 0;
    const onBytes = (bytes: number): void => {
      limit.receivedBytes += bytes - counted;
      counted = bytes;
      target.onBytes?.(bytes);
    };
    this.#reading = {
      cursor: new TargetCursor({ ...target, onBytes }),
      resolve: (bytes) => {
        watch.end();
        resolve(bytes);
      },
      reject: (error) => {
        watch.end();
        reject(error);
      },
    };
    this.#takeHeld();
    this.#goOn();
    return promise;
  }

  /** Ends it, whatever is on its way. A read fails. */
  close(): void {
    this.#fail(new Error('the data connection was closed'));
  }

  #follow(socket: Socket): void {
    this.#socket = socket;
    socket
      .on('end', () => this.#onEnd('orderly'))
      .on('error', (error) => this.#fail(error))
      .on('close', () => this.#fail(new Error('the data connection broke')));
  }

  #nextBuffer(): Uint8Array {
    const room = this.#held.length === 0 ? this.#reading?.cursor.room : undefined;
    return room ?? (this.#own ??= new Uint8Array(OWN_BYTES));
  }

  /** Returns whether to read on. */
  #onChunk(chunk: Uint8Array): boolean {
    if (this.#end !== undefined) return false;
    const taken = this.#held.length === 0 ? (this.#reading?.cursor.take(chunk) ?? 0) : 0;
    // The memory of the chunk is used again.
    if (taken < chunk.byteLength) this.#held.push(Uint8Array.from(chunk.subarray(taken)));
    return !this.#settleIfEnough();
  }

  #takeHeld(): void {
    const cursor = this.#reading?.cursor;
    if (cursor === undefined) return;
    for (let [chunk] = this.#held; chunk !== undefined; [chunk] = this.#held) {
      const taken = cursor.take(chunk);
      if (taken < chunk.byteLength) {
        this.#held[0] = chunk.subarray(taken);
        break;
      }
      this.#held.shift();
    }
  }

  /** Whether nothing more is to be read now. */
  #settleIfEnough(): boolean {
    const reading = this.#reading;
    if (reading === undefined) return true;
    if (!reading.cursor.isEnough) return false;
    this.#reading = undefined;
    reading.resolve(reading.cursor.bytes);
    return true;
  }

  #goOn(): void {
    if (this.#settleIfEnough()) return;
    const reading = this.#reading;
    if (this.#end === undefined || reading === undefined) {
      this.#socket?.resume();
      return;
    }
    this.#reading = undefined;
    if (this.#end === 'orderly') reading.resolve(reading.cursor.bytes);
    else reading.reject(this.#end.error);
  }

  #onEnd(end: DataEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#socket?.destroy();
    // What is held is read first.
    if (this.#reading !== undefined) this.#goOn();
  }

  #fail(error: unknown): void {
    this.#onEnd({ error });
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
