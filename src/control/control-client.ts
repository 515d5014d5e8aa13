import { request } from 'node:http';

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
