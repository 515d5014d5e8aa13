import { constants } from 'node:os';

import test from 'ava';

import { errnoName, errnoOf } from '../../src/mount/errno.js';
import { FsError, type FsErrorCode } from '../../src/mount/fs-error.js';
import { SourceError, type SourceErrorCode } from '../../src/source/index.js';

const SOURCE_ERRORS = {
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
  BUSY: 'EIO',
  PROTOCOL: 'EIO',
  UNEXPECTED_STATUS: 'EIO',
  INVALID_REQUEST: 'EINVAL',
  NO_CLIENT: 'ENOENT',
  LIST_NOT_SUPPORTED: 'EIO',
  CLIENT_FAULT: 'EIO',
  INTERRUPTED: 'EINTR',
} as const satisfies Record<SourceErrorCode, string>;

const FS_ERRORS = {
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
} as const satisfies Record<FsErrorCode, string>;

// S94
test('every failure has the errno that the documentation promises', (t) => {
  const found = Object.keys(SOURCE_ERRORS).map((code) => [
    code,
    errnoName(new SourceError(code as SourceErrorCode, 'm', 'http://h/'), 'data'),
  ]);
  t.deepEqual(Object.fromEntries(found), SOURCE_ERRORS);
  const ofFs = Object.keys(FS_ERRORS).map((code) => [
    code,
    errnoName(new FsError(code as FsErrorCode, '/x', 'm'), 'data'),
  ]);
  t.deepEqual(Object.fromEntries(ofFs), FS_ERRORS);
  t.is(errnoName(new SourceError('BUSY', 'm', 'http://h/'), 'attributes'), 'EAGAIN');
  t.is(errnoOf(new FsError('NAME_TOO_LONG', '/x', 'm'), 'data'), constants.errno.ENAMETOOLONG);
});

test('an abort is EINTR, and an error without a code EIO', (t) => {
  t.is(errnoName(AbortSignal.abort().reason, 'data'), 'EINTR');
  t.is(errnoName(new TypeError('a bug'), 'attributes'), 'EIO');
  t.is(errnoName('no error at all', 'data'), 'EIO');
  // What a fault of a source leaves out: without an answer the caller would hang.
  t.is(errnoName(new SourceError(undefined as never, 'm', 'http://h/'), 'data'), 'EIO');
});

test('a URL in an error holds no secrets', (t) => {
  const url = 'https://user:pass@h/f?X-Amz-Signature=abc&token=def&page=2';
  const error = new SourceError('TIMEOUT', 'm', url);
  t.is(error.url, 'https://h/f?X-Amz-Signature=…&token=…&page=…');
  t.notRegex(error.message, /pass|abc|def/);
});
