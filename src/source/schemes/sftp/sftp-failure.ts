import {
  InterruptedError,
  NotFoundError,
  ProtocolError,
  SourceError,
  type SourceErrorCode,
  TimeoutError,
} from '../../errors.js';
import { failureOf as connectionFailureOf } from '../../http/http-failure.js';
import { saidBySource } from '../../safe-text.js';
import { MalformedPacket, STATUS } from './packet.js';

/** The server answers a request with a status that is not OK. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly status: number;

  /** `message` is the server's. */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The session ended before the answer. */
export class SessionLost extends Error {
  override readonly name = 'SessionLost';
}

/** The server does not answer in time. */
export class LateAnswer extends Error {
  override readonly name = 'LateAnswer';
}

const CODES: Readonly<Record<number, SourceErrorCode>> = {
  [STATUS.NO_CONNECTION]: 'CONNECTION_LOST',
  [STATUS.CONNECTION_LOST]: 'CONNECTION_LOST',
  [STATUS.PERMISSION_DENIED]: 'ACCESS_DENIED',
  // Of OpenSSH for names that are too long.
  [STATUS.BAD_MESSAGE]: 'INVALID_REQUEST',
};

export function failureOf(error: unknown, url: URL, signal?: AbortSignal): SourceError {
  if (error instanceof SourceError) return error;
  if (signal?.aborted === true) return new InterruptedError(url, error);
  if (error instanceof StatusError) return statusFailure(error, url);
  if (error instanceof LateAnswer) {
    return new TimeoutError(url, { expected: 'an answer of the server', found: error.message });
  }
  if (error instanceof MalformedPacket) {
    const facts = { expected: 'SFTP version 3', found: error.message };
    return new ProtocolError('the server breaks the protocol', url, facts);
  }
  if (error instanceof SessionLost) {
    const facts = { expected: 'an answer of the server', found: error.message, cause: error };
    return new SourceError('CONNECTION_LOST', 'the connection was lost', url, facts);
  }
  return connectionFailureOf(error, url, signal);
}

export function isMissing(error: unknown): boolean {
  return error instanceof StatusError && error.status === STATUS.NO_SUCH_FILE;
}

function statusFailure({ status, message }: StatusError, url: URL): SourceError {
  const facts = { expected: 'an answer', found: `status ${status}, ${saidBySource(message) || 'no reason'}` };
  if (status === STATUS.NO_SUCH_FILE) return new NotFoundError(url, facts);
  return new SourceError(CODES[status] ?? 'UNEXPECTED_STATUS', 'the server refuses', url, facts);
}
