/**
 * What a refusal of WebHDFS means, by the class of the exception in its body (`RemoteException`): the status is 403 for any
 * `IOException` (Hadoop's hdfs.web.resources.ExceptionHandler).
 */
import { IsDirectoryError, NotFoundError, ProtocolError, SourceError } from '../../errors.js';
import type { Refusal } from '../../http/refusal.js';
import { saidBySource } from '../../safe-text.js';

interface RemoteException {
  readonly exception: string;
  readonly message: string;
}

const CREDENTIALS = new Set([
  'SecurityException',
  'InvalidToken',
  'AuthenticationException',
  'AuthorizationException',
]);
const STANDBY = new Set(['StandbyException', 'ObserverRetryOnActiveException']);
const STARTING = new Set(['RetriableException', 'SafeModeException']);
const MISSING = new Set(['FileNotFoundException', 'ParentNotDirectoryException', 'InvalidPathException']);
const UNKNOWN_OPERATION = new Set([
  'IllegalArgumentException',
  'UnsupportedOperationException',
  'QueryParamException',
]);

/** `url`: for the error. */
export function explainHdfsRefusal(refusal: Refusal, url: URL): SourceError | undefined {
  const { status, header } = refusal;
  const remote = remoteExceptionOf(refusal);
  if (remote === undefined) return withoutException(refusal, url);
  const { exception, message } = remote;
  const found = `status ${status}, ${exception}: ${saidBySource(message)}`;
  const failure = (code: SourceError['code'], text: string): SourceError =>
    new SourceError(code, text, url, { found, status });
  // In standby it cannot check tokens, and some versions say so in this way.
  if (STANDBY.has(exception) || /\bStandbyException\b/.test(message))
    return failure('BUSY', 'the name node is in standby');
  if (MISSING.has(exception)) {
    return /is not a file/.test(message)
      ? new IsDirectoryError(url)
      : new NotFoundError(url, { found, status });
  }
  if (exception === 'AccessControlException') {
    // So it refuses a path below a file.
    if (/\(is not a directory\)/.test(message)) return new NotFoundError(url, { found, status });
    return failure('ACCESS_DENIED', 'the cluster denies access');
  }
  if (CREDENTIALS.has(exception) || status === 401) {
    const isKerberos = /negotiate/i.test(header.get('www-authenticate') ?? '');
    return failure('ACCESS_DENIED', isKerberos ? KERBEROS : 'the cluster refuses the user or the token');
  }
  if (STARTING.has(exception)) return failure('BUSY', 'the name node is starting, or in safe mode');
  if (UNKNOWN_OPERATION.has(exception)) return failure('INVALID_REQUEST', 'the cluster refuses the request');
  if (exception === 'UnresolvedPathException')
    return failure('UNEXPECTED_STATUS', 'symlinks of HDFS are not followed');
  return failure('UNEXPECTED_STATUS', 'the cluster fails');
}

const KERBEROS = 'the cluster wants Kerberos, which is not supported: configure a delegation token';

/** Whether another token may be accepted. */
export function refusesCredentials(refusal: Refusal): boolean {
  const { exception = '', message = '' } = remoteExceptionOf(refusal) ?? {};
  return (refusal.status === 401 || CREDENTIALS.has(exception)) && !/\bStandbyException\b/.test(message);
}

/** What is no answer of WebHDFS says nothing about the file: a 404 of it would make a directory look empty. */
function withoutException({ status, header, text }: Refusal, url: URL): SourceError | undefined {
  if (status === 401 && /negotiate/i.test(header.get('www-authenticate') ?? ''))
    return new SourceError('ACCESS_DENIED', KERBEROS, url, { found: `status ${status}`, status });
  if (status !== 404 && status !== 410) return undefined;
  const isRpc = text.includes('Hadoop IPC port');
  return new ProtocolError('there is no WebHDFS', url, {
    expected: 'the port of HTTP of a name node (9870), or of HttpFS (14000)',
    found: isRpc ? 'its port of RPC' : `status ${status} without a RemoteException`,
  });
}

function remoteExceptionOf({ text }: Refusal): RemoteException | undefined {
  try {
    const { RemoteException: remote } = JSON.parse(text) as { readonly RemoteException?: unknown };
    const { exception, message } = remote as { readonly exception?: unknown; readonly message?: unknown };
    if (typeof exception !== 'string') return undefined;
    // HttpFS may name the class in full. A stack trace stands behind the first line.
    const [line = ''] = typeof message === 'string' ? message.split('\n', 1) : [];
    return { exception: saidBySource(exception.slice(exception.lastIndexOf('.') + 1)), message: line };
  } catch {
    return undefined;
  }
}
