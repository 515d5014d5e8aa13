/**
 * One POST to a plugin and its answer, on undici's `dispatch`: chunks are handed on as they come off the
 * socket. The idle deadline runs only while somebody waits: a body that nobody reads is not idle.
 */
import type { Dispatcher } from 'undici';

const HIGH_WATER_BYTES = 1024 * 1024;
/** What a chunk takes beside its bytes, which may be one. */
const CHUNK_BYTES = 256;

export interface Answer {
  readonly status: number;
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: AnswerBody;
}

export interface ExchangeOptions {
  readonly signal: AbortSignal;
  readonly idleMs: number;
  /** Called for the head of the answer, and for whatever comes of its body. */
  readonly onGiven: () => void;
}

/** Nothing came while somebody waited for it. */
export class IdleError extends Error {
  override readonly name = 'IdleError';
}

export function exchange(
  dispatcher: Dispatcher,
  path: string,
  call: object,
  { signal, idleMs, onGiven }: ExchangeOptions,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const body = new AnswerBody(idleMs, reject);
    const onAbort = (): void => body.fail(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    body.onSettled = () => signal.removeEventListener('abort', onAbort);
    dispatcher.dispatch(
      {
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(call),
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      {
        onRequestStart: (controller) => body.attach(controller),
        onResponseStart: (_controller, status, headers) => {
          onGiven();
          if (status >= 200) resolve({ status, headers, body });
        },
        onResponseData: (_controller, chunk) => {
          onGiven();
          body.push(chunk);
        },
        onResponseEnd: () => body.end(),
        onResponseError: (_controller, error) => body.fail(error),
      },
    );
  });
}

export class AnswerBody implements AsyncIterable<Uint8Array> {
  onSettled: () => void = () => undefined;
  readonly #idleMs: number;
  readonly #onFailure: (error: unknown) => void;
  readonly #chunks: Uint8Array[] = [];
  #waitingBytes = 0;
  #controller: Dispatcher.DispatchController | undefined;
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: unknown;
  #wake: (() => void) | undefined;

  constructor(idleMs: number, onFailure: (error: unknown) => void) {
    this.#idleMs = idleMs;
    this.#onFailure = onFailure;
  }

  attach(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'failed') controller.abort(toError(this.#failure));
  }

  push(chunk: Uint8Array): void {
    if (this.#state !== 'open') return;
    this.#chunks.push(chunk);
    this.#waitingBytes += chunk.byteLength + CHUNK_BYTES;
    if (this.#waitingBytes >= HIGH_WATER_BYTES) this.#controller?.pause();
    this.#wake?.();
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.#state = 'ended';
    this.onSettled();
    this.#wake?.();
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.onSettled();
    this.#onFailure(error);
    this.#controller?.abort(toError(error));
    this.#wake?.();
  }

  /** Gives the rest up; the connection is closed unless the body has ended. */
  cancel(): void {
    this.#chunks.length = 0;
    this.fail(new Error('cancelled'));
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#waitingBytes -= chunk.byteLength + CHUNK_BYTES;
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
  }

  async #more(): Promise<void> {
    const late = new IdleError(`nothing came for ${this.#idleMs / 1000} s`);
    const timer = setTimeout(() => this.fail(late), this.#idleMs);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    clearTimeout(timer);
  }
}

function toError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
