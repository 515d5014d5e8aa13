/** The control connection (RFC 959, 4.2): commands, and their replies in the same order. */
import type { Socket } from 'node:net';

import { withResolvers } from '../../../with-resolvers.js';
import { CONNECTION_CLOSED, CONNECTION_IDLE } from '../../http/http-failure.js';
import { RefusedReply } from './ftp-reply.js';
import { type Reply, ReplyReader } from './reply-reader.js';

/** A command with a data connection. */
export interface Transfer {
  /** The first reply: the server has begun to send, or refuses. */
  readonly begun: Promise<Reply>;
  /** The final one, which may be a refusal, too. Has no deadline until `endBy` gives it one. */
  readonly ended: Promise<Reply>;
  readonly endBy: (endsAtMs: number) => void;
}

/** A command that has no final reply yet. */
interface Waiting {
  endsAtMs: number;
  /** A preliminary reply (1yz). */
  readonly onBegun?: (reply: Reply) => void;
  readonly onEnd: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

export class ControlConnection {
  /** Replies are shown in errors: nothing secret was sent. */
  isShown = true;
  #socket: Socket;
  readonly #waiting: Waiting[] = [];
  readonly #replies = new ReplyReader((reply) => this.#onReply(reply));
  /** Why it is closed. */
  #end: Error | undefined;
  #watch: NodeJS.Timeout | undefined;
  #watchedUntilMs = Infinity;
  readonly #onText = (text: string): void => {
    if (!this.#replies.read(text)) this.fail(new Error('a reply is too long'));
  };
  readonly #onClosed = (): void => this.fail(new Error(CONNECTION_CLOSED));
  readonly #onError = (error: Error): void => this.fail(error);

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#follow(socket);
  }

  /** Of the server. */
  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '');
  }

  get isClosed(): boolean {
    return this.#end !== undefined;
  }

  /** Nothing has come that was not asked for; TLS can begin. */
  get isQuiet(): boolean {
    return !this.isClosed && !this.#replies.isWithin;
  }

  /** An idle one keeps no process running. */
  setIdle(isIdle: boolean): void {
    if (isIdle) this.#socket.unref();
    else this.#socket.ref();
  }

  /** Goes on within TLS, which `secure` begins over the socket. */
  async secure(secure: (socket: Socket) => Promise<Socket>): Promise<void> {
    this.#leave(this.#socket);
    this.#socket = await secure(this.#socket);
    this.#follow(this.#socket);
  }

  /** The greeting. */
  greeting(endsAtMs: number): Promise<Reply> {
    return this.#granted((onEnd, reject) => this.#expect({ endsAtMs, onEnd, reject }));
  }

  /**
   * Rejects with `RefusedReply`, or with why the connection ended. `granting`: the code of the reply that grants it; another one belongs
   * to another command, and so would the next ones.
   */
  async command(text: string, endsAtMs: number, granting?: number): Promise<Reply> {
    const reply = await this.#granted((onEnd, reject) => this.#send(text, { endsAtMs, onEnd, reject }));
    if (granting === undefined || reply.code === granting) return reply;
    const error = new Error('a reply to another command');
    this.fail(error);
    throw error;
  }

  transfer(text: string, endsAtMs: number): Transfer {
    const [begun, ended] = [withResolvers<Reply>(), withResolvers<Reply>()];
    const waiting: Waiting = {
      endsAtMs,
      onBegun: (reply) => {
        waiting.endsAtMs = Infinity;
        begun.resolve(reply);
      },
      onEnd: (reply) => {
        begun.resolve(reply);
        ended.resolve(reply);
      },
      reject: (error) => {
        begun.reject(error);
        ended.reject(error);
      },
    };
    begun.promise.catch(() => undefined);
    ended.promise.catch(() => undefined);
    this.#send(text, waiting);
    const endBy = (ms: number): void => {
      waiting.endsAtMs = ms;
      this.#watchUntil(ms);
    };
    return { begun: begun.promise, ended: ended.promise, endBy };
  }

  /** Throws `RefusedReply` of a reply that is one. */
  granted(reply: Reply): Reply {
    if (reply.code < 400) return reply;
    throw new RefusedReply(reply.code, reply.text, this.isShown);
  }

  close(): void {
    this.fail(new Error('the connection was closed'));
  }

  /** Ends it: the replies that are waited for do not come. */
  fail(error: Error): void {
    if (this.isClosed) return;
    this.#end = error;
    clearTimeout(this.#watch);
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  async #granted(wait: (onEnd: Waiting['onEnd'], reject: Waiting['reject']) => void): Promise<Reply> {
    return this.granted(await new Promise(wait));
  }

  #follow(socket: Socket): void {
    socket.setEncoding('latin1').setKeepAlive(true);
    socket.on('data', this.#onText).on('end', this.#onClosed).on('close', this.#onClosed);
    socket.on('error', this.#onError);
  }

  #leave(socket: Socket): void {
    socket.off('data', this.#onText).off('end', this.#onClosed).off('close', this.#onClosed);
    socket.off('error', this.#onError);
  }

  #send(text: string, waiting: Waiting): void {
    // Nothing of a name or of a reply can end a command, and begin another.
    if (/[\r\n\0]/.test(text)) return waiting.reject(new Error('a command with a line end'));
    this.#expect(waiting);
    if (!this.isClosed) this.#socket.write(`${text}\r\n`, 'latin1');
  }

  #expect(waiting: Waiting): void {
    if (this.#end !== undefined) return waiting.reject(this.#end);
    this.#waiting.push(waiting);
    this.#watchUntil(waiting.endsAtMs);
  }

  /** One timer for all commands: it looks when the first deadline may be over. */
  #watchUntil(endsAtMs: number): void {
    if (endsAtMs >= this.#watchedUntilMs || this.isClosed) return;
    clearTimeout(this.#watch);
    this.#watchedUntilMs = endsAtMs;
    const waitMs = Math.max(1, Math.ceil(endsAtMs - performance.now()));
    this.#watch = setTimeout(() => this.#lookAtTime(), waitMs).unref();
  }

  #lookAtTime(): void {
    this.#watchedUntilMs = Infinity;
    const [first] = this.#waiting;
    if (first === undefined) return;
    // Which reply comes late would belong to no command any more.
    if (first.endsAtMs <= performance.now()) this.fail(new Error(CONNECTION_IDLE));
    else this.#watchUntil(first.endsAtMs);
  }

  #onReply(reply: Reply): void {
    const [waiting] = this.#waiting;
    // The next command would take it for its own.
    if (waiting === undefined) return this.fail(new Error('a reply without a command'));
    if (reply.code < 200) return waiting.onBegun?.(reply);
    this.#waiting.shift();
    waiting.onEnd(reply);
  }
}
