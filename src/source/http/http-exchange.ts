/**
 * One HTTP request and its answer, on undici's `dispatch`: chunks are handed on as they come off the
 * socket, without a stream in between, and the socket is paused while `HIGH_WATER_BYTES` wait to be read.
 * The idle deadline runs only while somebody waits for bytes: a body that nobody reads is not idle.
 */
import type { Dispatcher } from 'undici';

import { CONNECTION_IDLE, HEADERS_LATE } from './http-failure.js';

const HIGH_WATER_BYTES = 1024 * 1024;

export interface ExchangeOptions {
  readonly signal: AbortSignal | undefined;
  readonly headersTimeoutMs: number;
  readonly idleTimeoutMs: number;
}

export interface Answer {
  readonly status: number;
  readonly header: Headers;
  /** Ends only where the message ends; anything else throws. */
  readonly body: ExchangeBody;
}

export function exchange(
  dispatcher: Dispatcher,
  url: URL,
  header: Record<string, string>,
  options: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = new ExchangeBody(options.idleTimeoutMs);
    const onAbort = (): void => body.cancel(options.signal?.reason);
    const headersTimer = setTimeout(() => body.cancel(new Error(HEADERS_LATE)), options.headersTimeoutMs);
    const settle = (): void => {
      clearTimeout(headersTimer);
      options.signal?.removeEventListener('abort', onAbort);
    };
    body.onFailure = (error) => {
      settle();
      reject(error);
    };
    if (options.signal?.aborted === true) {
      body.cancel(options.signal.reason);
      return;
    }
    options.signal?.addEventListener('abort', onAbort, { once: true });
    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'GET',
        headers: header,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart: (controller) => body.attach(controller),
        onResponseStart: (_controller, status, headers) => {
          if (status < 200) return;
          clearTimeout(headersTimer);
          body.onEnd = settle;
          resolve({ status, header: toHeaders(headers), body });
        },
        onResponseData: (_controller, chunk) => body.push(chunk),
        onResponseEnd: () => body.end(),
        onResponseError: (_controller, error) => body.fail(error),
      },
    );
  });
}

export class ExchangeBody implements AsyncIterable<Uint8Array> {
  onFailure: (error: unknown) => void = () => undefined;
  onEnd: () => void = () => undefined;
  readonly #idleTimeoutMs: number;
  readonly #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  attach(controller: Dispatcher.DispatchController): void {
    if (this.#state === 'failed') controller.abort(toError(this.#failure));
    this.#controller = controller;
  }

  push(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.byteLength;
    if (this.#waitingBytes >= HIGH_WATER_BYTES) this.#controller?.pause();
    this.#wake?.();
  }

  end(): void {
    if (this.#state === 'open') this.#state = 'ended';
    this.onEnd();
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.onEnd();
    this.onFailure(error);
    this.#wake?.();
  }

  /** Gives the rest up. The connection is closed unless the body has ended. */
  cancel(reason: unknown = new Error('cancelled')): void {
    if (this.#state !== 'open') return;
    this.fail(reason);
    this.#controller?.abort(toError(reason));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#waitingBytes -= chunk.byteLength;
          if (this.#controller?.paused === true && this.#waitingBytes < HIGH_WATER_BYTES / 2) {
            this.#controller.resume();
          }
          yield chunk;
        } else if (this.#state === 'open') {
          await this.#more();
        } else if (this.#state === 'failed') {
          throw this.#failure;
        } else {
          return;
        }
      }
    } finally {
      this.cancel();
    }
  }

  async #more(): Promise<void> {
    const timer = setTimeout(() => this.cancel(new Error(CONNECTION_IDLE)), this.#idleTimeoutMs);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }
}

function toHeaders(headers: Record<string, string | string[] | undefined>): Headers {
  const result = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined) result.append(name, one);
    }
  }
  return result;
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
