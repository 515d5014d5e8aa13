import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';

import { codeOf } from '../error-code.js';
import { whenDrained } from './when-drained.js';

export interface ControlAnswer {
  readonly status: number;
  readonly text: string;
}

/** The process behind a control socket does not answer. */
export class NoAnswerError extends Error {
  override readonly name = 'NoAnswerError';
  /** `TIMEOUT`, or the system's: `ECONNREFUSED`, `ENOENT`, `EACCES`. */
  readonly code: string;

  constructor(code: string, cause?: unknown) {
    super(`no answer: ${code}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** Sends one request to a control socket. Rejects with a `NoAnswerError`. */
export function callControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
  { body, limitMs }: { readonly body?: object; readonly limitMs: number },
): Promise<ControlAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (code: string, cause?: unknown): void => {
      clearTimeout(timer);
      reject(new NoAnswerError(code, cause));
      call.destroy();
    };
    const timer = setTimeout(() => fail('TIMEOUT'), limitMs);
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const call = request({ socketPath, method, path, headers }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('data', (part: Buffer) => {
        parts.push(part);
        bytes += part.byteLength;
        if (bytes > MAX_ANSWER_BYTES) fail('EMSGSIZE');
      });
      response.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'ECONNRESET', error));
      response.on('end', () => {
        clearTimeout(timer);
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() });
      });
    });
    call.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? 'ECONNRESET', error));
    call.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/**
 * Posts lines of JSON, and hands on each line of the answer as it comes. Resolves to a refusal, or at the end of the answer to
 * undefined. Rejects with a `NoAnswerError`; what `lines` throws ends the request.
 */
export async function streamControl(
  socketPath: string,
  path: string,
  lines: AsyncIterable<object>,
  onLine: (line: object) => void,
  signal: AbortSignal,
): Promise<ControlAnswer | undefined> {
  const headers = { 'content-type': 'application/x-ndjson' };
  const call = request({ socketPath, method: 'POST', path, headers, signal });
  const answered = new Promise<ControlAnswer | undefined>((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(new NoAnswerError(error.code ?? 'ECONNRESET', error));
    call.on('error', fail);
    call.on('response', (response) => {
      const { statusCode: status = 0 } = response;
      response.setEncoding('utf8').on('error', fail);
      let text = '';
      response.on('data', (part: string) => {
        text += part;
        if (status >= 400) return;
        const whole = text.split('\n');
        text = whole.pop() ?? '';
        for (const line of whole) onLine(JSON.parse(line) as object);
      });
      response.on('end', () => resolve(status >= 400 ? { status, text } : undefined));
    });
  });
  const sending = (async () => {
    for await (const line of lines) {
      if (call.destroyed) return;
      if (!call.write(`${JSON.stringify(line)}\n`)) await whenDrained(call);
    }
    call.end();
  })();
  sending.catch(() => call.destroy());
  // Without all names there is no answer; with an answer the rest of them is of no use.
  return await Promise.race([answered, sending.then(() => answered)]);
}

/** The lines of an answer that goes on until the signal fires, or the process ends. Rejects with a `NoAnswerError`. */
export async function* followControl(
  socketPath: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath, path, signal }, resolve).on('error', reject).end();
    });
    yield* createInterface({ input: response, crlfDelay: Infinity });
  } catch (error) {
    if (!signal.aborted) throw new NoAnswerError(codeOf(error), error);
  }
}
