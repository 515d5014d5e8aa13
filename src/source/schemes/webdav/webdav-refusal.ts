/** What a status means to WebDAV (RFC 4918, 11). */
import { IsDirectoryError, ProtocolError, SourceError } from '../../errors.js';
import { parseRetryAfter } from '../../http/http-failure.js';
import type { Refusal } from '../../http/refusal.js';

const LOCKED = 423;
const TOO_EARLY = 425;

/** Undefined: as the engine explains it. */
export function explainWebdavRefusal({ status, header }: Refusal, url: URL): SourceError | undefined {
  if (status !== LOCKED && status !== TOO_EARLY) return undefined;
  const retryAfterMs = parseRetryAfter(header.get('retry-after'));
  return new SourceError('BUSY', 'the resource is in use', url, {
    found: status === LOCKED ? 'status 423, locked' : 'status 425, too early',
    status,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Of PROPFIND: a web server that does not speak WebDAV answers with a page, or refuses the method. */
export function explainSilence({ status }: Refusal, url: URL): SourceError | undefined {
  if (status !== 200 && status !== 405 && status !== 501) return undefined;
  return new ProtocolError('the server does not speak WebDAV here', url, {
    expected: 'status 207 (check the path, and `root` of the rule)',
    found: `status ${status}`,
    status,
  });
}

/** Of GET: directories have none. */
export function explainNoFile({ status }: Refusal, url: URL): SourceError | undefined {
  return status === 405 || status === 501 ? new IsDirectoryError(url) : undefined;
}

export function isRetryableWebdavRefusal({ status }: Refusal): boolean | undefined {
  return status === LOCKED ? true : undefined;
}
