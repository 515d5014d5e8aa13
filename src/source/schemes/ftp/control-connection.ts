/** The control connection: commands, and their replies, one at a time. */
import type { Socket } from 'node:net';

import { FTPContext, FTPError, type FTPResponse } from 'basic-ftp';

import { CONNECTION_IDLE } from '../../http/http-failure.js';
import { type Resolvers, withResolvers } from '../../../with-resolvers.js';
import { RefusedReply } from './ftp-reply.js';

export interface Reply {
  readonly code: number;
  /** All lines, in Latin-1. */
  readonly text: string;
}

/** A command with a data connection. */
export interface Transfer {
  /** The server has begun to send. */
  readonly begun: Promise<Reply>;
  /** It has sent all. Has no deadline of its own: its callers have one. */
  readonly ended: Promise<Reply>;
}

const MAX_LINE_CHARS = 64 * 1024;

/**
 * basic-ftp's context knows what a reply is, and which command it belongs to. What it lacks is here: deadlines, and that a line may
 * come in two parts.
 */
export class ControlConnection extends FTPContext {
  /** Replies are shown in errors: nothing secret was sent. */
  isShown = true;
  /** Of a line that is not complete. */
  #part = '';

  constructor(socket: Socket) {
    super(0, 'latin1');
    this.socket = socket;
  }

  get remoteAddress(): string | undefined {
    return this.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/i, '');
  }

  /** Nothing has come that was not asked for; TLS can begin. */
  get isQuiet(): boolean {
    return !this.closed && this.#part === '' && this._partialResponse === '';
  }

  /** The greeting. */
  greeting(endsAtMs: number): Promise<Reply> {
    return this.#reply(undefined, endsAtMs);
  }

  /** Rejects with `RefusedReply`, or with why the connection ended. */
  command(text: string, endsAtMs: number): Promise<Reply> {
    return this.#reply(text, endsAtMs);
  }

  transfer(text: string, endsAtMs: number): Transfer {
    const begun = withResolvers<Reply>();
    const ended = this.#handle(text, begun);
    ended.then(begun.resolve, begun.reject);
    ended.catch(() => undefined);
    return { begun: this.inTime(begun.promise, endsAtMs), ended };
  }

  async #reply(text: string | undefined, endsAtMs: number): Promise<Reply> {
    return await this.inTime(this.#handle(text), endsAtMs);
  }

  /** Which reply comes late belongs to no command any more: the connection ends. */
  async inTime<Value>(work: Promise<Value>, endsAtMs: number): Promise<Value> {
    const late = (): void => this.closeWithError(new Error(CONNECTION_IDLE));
    const timer = setTimeout(late, Math.max(1, endsAtMs - performance.now()));
    try {
      return await work;
    } finally {
      clearTimeout(timer);
    }
  }

  /** `begun`: a preliminary reply (1yz) settles it; otherwise there is none. */
  #handle(text: string | undefined, begun?: Resolvers<Reply>): Promise<Reply> {
    return this.#withoutStack(text, (response, task) => {
      if (response instanceof FTPError)
        task.reject(new RefusedReply(response.code, response.message, this.isShown));
      else if (response instanceof Error) task.reject(response);
      else if (response.code >= 200) task.resolve(replyOf(response));
      else begun?.resolve(replyOf(response));
    }) as Promise<Reply>;
  }

  /** basic-ftp takes a stack trace for each command, to show it if two are sent at the same time. */
  #withoutStack(...task: Parameters<FTPContext['handle']>): Promise<unknown> {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      return this.handle(...task);
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  protected override _onControlSocketData(chunk: string): void {
    const text = this.#part + chunk;
    const end = text.lastIndexOf('\n') + 1;
    this.#part = text.slice(end);
    if (this.#part.length > MAX_LINE_CHARS) this.closeWithError(new Error('a line of a reply is too long'));
    else if (end > 0) super._onControlSocketData(text.slice(0, end));
  }

  protected override _passToHandler(response: Error | FTPResponse): void {
    const isReply = !(response instanceof Error) || response instanceof FTPError;
    // Otherwise the next command would take it for its own.
    if (isReply && this._task === undefined) this.closeWithError(new Error('a reply without a command'));
    else super._passToHandler(response);
  }
}

function replyOf({ code, message }: FTPResponse): Reply {
  return { code, text: message };
}
