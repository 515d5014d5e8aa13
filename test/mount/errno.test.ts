import { constants } from 'node:os';

import test from 'ava';

import { errnoName, errnoOf } from '../../src/mount/errno.js';
import { FsError } from '../../src/mount/fs-error.js';
import { SourceError } from '../../src/source/index.js';

test('failures have the errnos that the documentation promises', (t) => {
  const rows = [
    ['NOT_FOUND', 'ENOENT'],
    ['ACCESS_DENIED', 'EACCES'],
    ['ADDRESS_REFUSED', 'EACCES'],
    ['INSECURE_REDIRECT', 'EACCES'],
    ['CHANGED', 'ESTALE'],
    ['TIMEOUT', 'ETIMEDOUT'],
    ['CONNECTION_REFUSED', 'ECONNREFUSED'],
    ['HOST_UNREACHABLE', 'EHOSTUNREACH'],
    ['NETWORK_UNREACHABLE', 'ENETUNREACH'],
    ['PROTOCOL', 'EIO'],
    ['CONNECTION_LOST', 'EIO'],
    ['TLS', 'EIO'],
    ['NO_CLIENT', 'ENOENT'],
    ['INTERRUPTED', 'EINTR'],
  ] as const;
  for (const [code, errno] of rows) t.is(errnoName(new SourceError(code, 'm', 'http://h/'), 'data'), errno);
  t.is(errnoName(new SourceError('BUSY', 'm', 'http://h/'), 'attributes'), 'EAGAIN');
  t.is(errnoName(new SourceError('BUSY', 'm', 'http://h/'), 'data'), 'EIO');
  t.is(errnoOf(new FsError('NAME_TOO_LONG', '/x', 'm'), 'data'), constants.errno.ENAMETOOLONG);
  t.is(errnoName(new TypeError('a bug'), 'attributes'), 'EIO');
});

test('a URL in an error holds no secrets', (t) => {
  const url = 'https://user:pass@h/f?X-Amz-Signature=abc&token=def&page=2';
  const error = new SourceError('TIMEOUT', 'm', url);
  t.is(error.url, 'https://h/f?X-Amz-Signature=…&token=…&page=…');
  t.notRegex(error.message, /pass|abc|def/);
});
