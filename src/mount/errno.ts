import { constants } from 'node:os';

import { SourceError, type SourceErrorCode } from '../source/index.js';
import { FsError, type FsErrorCode } from './fs-error.js';

/** Of the request: a temporary failure of the source (429, 503) is EAGAIN for attributes, and EIO for data. */
export type Purpose = 'attributes' | 'data';

type ErrnoName = keyof typeof constants.errno;

/** The one table from failures to errno names; a code without a row does not compile. */
const ERRNO_NAMES = {
  // Of the file system itself.
  NO_ENTRY: 'ENOENT',
  NOT_DIRECTORY: 'ENOTDIR',
  IS_A_DIRECTORY: 'EISDIR',
  NOT_PERMITTED: 'EACCES',
  NAME_TOO_LONG: 'ENAMETOOLONG',
  INVALID_NAME: 'EINVAL',
  NO_ATTRIBUTE: 'ENODATA',
  NO_NAMESPACE: 'ENOTSUP',
  RESULT_TOO_LARGE: 'ERANGE',
  BAD_HANDLE: 'EBADF',
  STALE: 'ESTALE',
  RETRY_LOOKUP: 'ESTALE',
  // Of a source.
  NOT_FOUND: 'ENOENT',
  IS_DIRECTORY: 'EISDIR',
  ACCESS_DENIED: 'EACCES',
  ADDRESS_REFUSED: 'EACCES',
  ARCHIVED: 'EACCES',
  NOT_CONFIGURED: 'EINVAL',
  INSECURE_REDIRECT: 'EACCES',
  CHANGED: 'ESTALE',
  CORRUPT: 'EIO',
  TIMEOUT: 'ETIMEDOUT',
  CONNECTION_REFUSED: 'ECONNREFUSED',
  CONNECTION_LOST: 'EIO',
  HOST_UNREACHABLE: 'EHOSTUNREACH',
  NETWORK_UNREACHABLE: 'ENETUNREACH',
  TLS: 'EIO',
  HOST_KEY: 'EACCES',
  BUSY: { attributes: 'EAGAIN', data: 'EIO' },
  PROTOCOL: 'EIO',
  UNEXPECTED_STATUS: 'EIO',
  INVALID_REQUEST: 'EINVAL',
  NO_CLIENT: 'ENOENT',
  // A directory without a listing is shown as empty.
  LIST_NOT_SUPPORTED: 'EIO',
  CLIENT_FAULT: 'EIO',
  INTERRUPTED: 'EINTR',
} as const satisfies Record<SourceErrorCode | FsErrorCode, ErrnoName | Record<Purpose, ErrnoName>>;

/** The positive errno for a failure; EIO for an error without a code. */
export function errnoOf(error: unknown, purpose: Purpose): number {
  return constants.errno[errnoName(error, purpose)];
}

export function errnoName(error: unknown, purpose: Purpose): ErrnoName {
  if (!(error instanceof SourceError) && !(error instanceof FsError)) {
    return isAbort(error) ? 'EINTR' : 'EIO';
  }
  // Whatever happened, the kernel waits for an answer.
  const row: ErrnoName | Record<Purpose, ErrnoName> | undefined = ERRNO_NAMES[error.code];
  return typeof row === 'object' ? row[purpose] : (row ?? 'EIO');
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
