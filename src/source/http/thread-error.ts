/** Errors of connections on their way to another thread, which would lose their class and their code. */
import { SourceError, type SourceErrorCode } from '../errors.js';
import { MalformedResponse } from './response-head.js';

export interface ThreadError {
  readonly message: string;
  readonly isMalformed: boolean;
  /** Of the system, or of TLS. */
  readonly code?: string;
  readonly source?: {
    readonly code: SourceErrorCode;
    readonly url: string;
    readonly expected?: string | undefined;
    readonly found?: string | undefined;
    readonly status?: number | undefined;
  };
}

export function toThreadError(error: Error): ThreadError {
  const { message } = error;
  const isMalformed = error instanceof MalformedResponse;
  if (error instanceof SourceError) {
    const { code, url, expected, found, status } = error;
    return { message, isMalformed, source: { code, url, expected, found, status } };
  }
  const { code } = error as NodeJS.ErrnoException;
  return { message, isMalformed, ...(typeof code === 'string' && { code }) };
}

export function fromThreadError({ message, isMalformed, code, source }: ThreadError): Error {
  if (source !== undefined) {
    const { expected, found, status, url } = source;
    return new SourceError(source.code, message.replace(`: ${url}`, ''), url, {
      ...(expected !== undefined && { expected }),
      ...(found !== undefined && { found }),
      ...(status !== undefined && { status }),
    });
  }
  if (isMalformed) return new MalformedResponse(message);
  return Object.assign(new Error(message), code !== undefined && { code });
}
