/** What a refusal of a bucket means: the code in its body decides, then the status. */
import { NotFoundError, SourceError, type SourceErrorCode } from '../../errors.js';
import type { Refusal } from '../../http/refusal.js';
import { type ObjectError, parseObjectError } from './object-error.js';

interface Meaning {
  readonly code: SourceErrorCode;
  /** What went wrong, and what to do about it. */
  readonly message: string;
}

const DENIED: Meaning = { code: 'ACCESS_DENIED', message: 'the store denies access' };
const MISSING: Meaning = { code: 'NOT_FOUND', message: 'no such object' };
const BUSY: Meaning = { code: 'BUSY', message: 'the store is busy' };
const INVALID: Meaning = { code: 'INVALID_REQUEST', message: 'the store refuses the request' };
const ELSEWHERE: Meaning = {
  code: 'NOT_CONFIGURED',
  message: 'the bucket is in another region than is configured',
};
const UNKNOWN_KEY: Meaning = {
  code: 'ACCESS_DENIED',
  message: 'the store does not know the access key, check its ID',
};
const EXPIRED: Meaning = {
  code: 'ACCESS_DENIED',
  message: 'the credentials have expired, and there are no newer ones',
};
const BAD_TOKEN: Meaning = { code: 'ACCESS_DENIED', message: 'the store refuses the session token' };
const SKEWED: Meaning = {
  code: 'ACCESS_DENIED',
  message: 'the clock of this machine is too far from that of the store',
};
const PAYER: Meaning = {
  code: 'ACCESS_DENIED',
  message: 'the requester has to pay for this bucket, set requesterPays',
};

const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    NoSuchKey: MISSING,
    NoSuchBucket: { code: 'NOT_FOUND', message: 'no such bucket' },
    NoSuchVersion: { code: 'NOT_FOUND', message: 'no such version' },
    AccessDenied: DENIED,
    AllAccessDisabled: DENIED,
    AccountProblem: DENIED,
    NotSignedUp: DENIED,
    InvalidSecurity: DENIED,
    AuthenticationRequired: DENIED,
    InvalidPayer: PAYER,
    UserProjectMissing: PAYER,
    InvalidAccessKeyId: UNKNOWN_KEY,
    SignatureDoesNotMatch: {
      code: 'ACCESS_DENIED',
      message: 'the store computes another signature, check the secret of the access key',
    },
    InvalidToken: BAD_TOKEN,
    InvalidSecurityToken: BAD_TOKEN,
    ExpiredToken: EXPIRED,
    TokenRefreshRequired: EXPIRED,
    SecurityTokenExpired: EXPIRED,
    RequestTimeTooSkewed: SKEWED,
    InvalidObjectState: {
      code: 'ARCHIVED',
      message: 'the object is in an archive, restore it first',
    },
    SlowDown: BUSY,
    ServiceUnavailable: BUSY,
    Busy: BUSY,
    TooManyRequests: BUSY,
    RequestTimeout: BUSY,
    InternalError: BUSY,
    PermanentRedirect: ELSEWHERE,
    TemporaryRedirect: ELSEWHERE,
    AuthorizationHeaderMalformed: ELSEWHERE,
    IllegalLocationConstraintException: ELSEWHERE,
    InvalidBucketName: INVALID,
    KeyTooLongError: INVALID,
    InvalidArgument: INVALID,
    InvalidRequest: INVALID,
    InvalidURI: INVALID,
    SecondLevelDomainForbidden: {
      code: 'INVALID_REQUEST',
      message: 'the store wants the bucket in the name of the host, set addressing: virtual',
    },
  }),
);

/** Other credentials may mend them: the token expired, or a key was replaced. */
const CREDENTIAL_CODES = new Set([
  'ExpiredToken',
  'TokenRefreshRequired',
  'SecurityTokenExpired',
  'InvalidToken',
  'InvalidSecurityToken',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
]);
/** By their status they would be final. */
const RETRYABLE_CODES = new Set(['RequestTimeout', 'InternalError', 'SlowDown', 'ServiceUnavailable']);

export function isCredentialRefusal({ status, text }: Refusal): boolean {
  return status === 401 || CREDENTIAL_CODES.has(parseObjectError(text)?.code ?? '');
}

export function isRetryableRefusal({ text }: Refusal): boolean | undefined {
  const error = parseObjectError(text);
  return error !== undefined && RETRYABLE_CODES.has(error.code) ? true : undefined;
}

/** The bucket is in another region; by now it is known which. */
export class ElsewhereError extends SourceError {
  override readonly name = 'ElsewhereError';
  constructor(url: URL, status: number) {
    super(ELSEWHERE.code, ELSEWHERE.message, url, { found: `status ${status}`, status });
  }
}

/** `noCredentials`: where credentials were looked for, if the request was anonymous because there were none. */
export function explainRefusal(
  { status, header, text }: Refusal,
  url: URL,
  noCredentials?: string,
): SourceError | undefined {
  // The engine knows how long to wait, and which version was asked for.
  if (status === 429 || status === 503 || status === 412) return undefined;
  const error = parseObjectError(text);
  if (status === 405 && header.get('x-amz-delete-marker') === 'true') {
    return new NotFoundError(url, { found: 'a delete marker', status });
  }
  const isAnonymous400 = status === 400 && noCredentials !== undefined;
  return error === undefined && status !== 401 && status !== 403 && !isAnonymous400
    ? undefined
    : errorOf(error, status, url, noCredentials);
}

/** `status`: that of the answer, which may be 200. */
export function errorOf(
  error: ObjectError | undefined,
  status: number,
  url: URL,
  noCredentials?: string,
): SourceError {
  const { code, message } = (error && MEANINGS.get(error.code)) ?? meaningOfStatus(status);
  // Some stores (rclone serve s3) refuse an anonymous request as one that they cannot parse.
  const isDenied =
    noCredentials !== undefined &&
    (code === 'ACCESS_DENIED' || (status === 400 && !MEANINGS.has(error?.code ?? '')));
  const found = error === undefined ? `status ${status}` : describe(error, status);
  const where = error?.region ?? error?.endpoint;
  return new SourceError(code, isDenied ? `${message} (${noCredentials})` : message, url, {
    found: where === undefined ? found : `${found} (the bucket is in ${where})`,
    status,
  });
}

function describe({ code, message }: ObjectError, status: number): string {
  return message === '' ? `status ${status}, ${code}` : `status ${status}, ${code}: ${message}`;
}

function meaningOfStatus(status: number): Meaning {
  if (status === 404 || status === 410) return MISSING;
  if (status === 401 || status === 403) return DENIED;
  return { code: 'UNEXPECTED_STATUS', message: INVALID.message };
}
