import type { Dialect, Refusal } from './dialects.js';
import type { BucketRequest } from './request.js';

export interface BucketCredential {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly sessionToken?: string;
  readonly isExpired?: boolean;
}

/** Settings of one bucket; a test may change them at any time. */
export interface BucketSettings {
  /** Requests that are signed for another region are refused with `regionNews`. */
  region: string;
  regionNews: 'PermanentRedirect' | 'TemporaryRedirect' | 'AuthorizationHeaderMalformed' | 'AccessDenied';
  /** Requests without a signature are served. */
  isPublic: boolean;
  /** Requests that do not say that the requester pays are refused. */
  requesterPays: boolean;
  /** Where listing is denied, a missing key is AccessDenied. */
  mayList: boolean;
}

export interface Credentials {
  /** Those that are accepted. */
  credentials: BucketCredential[];
  /** For `Authorization: Bearer`, where the vendor has that. */
  bearer: string;
}

const SKEW_LIMIT_MS = 15 * 60_000;

/** Why a request is not served, if so. */
export function credentialRefusal(
  request: BucketRequest,
  dialect: Dialect,
  { credentials, bearer }: Credentials,
  settings: BucketSettings | undefined,
  nowMs: number,
): Refusal | undefined {
  const { header } = request;
  const signed = new Map(request.query);
  const { authorization = signed.has('X-Amz-Signature') ? '' : undefined } = header;
  if (authorization === undefined) return settings?.isPublic === true ? undefined : 'AccessDenied';
  if (dialect.bearer && authorization.startsWith('Bearer ')) {
    return authorization === `Bearer ${bearer}` ? undefined : 'InvalidBearerToken';
  }
  const claim = dialect.signatures.map((read) => read(request, nowMs)).find((found) => found !== undefined);
  if (claim === undefined) return 'InvalidArgument';
  const credential = credentials.find(({ accessKeyId }) => accessKeyId === claim.accessKeyId);
  if (credential === undefined) return 'InvalidAccessKeyId';
  const { signedAtMs, region } = claim;
  if (signedAtMs !== undefined && !(Math.abs(signedAtMs - nowMs) < SKEW_LIMIT_MS)) {
    return 'RequestTimeTooSkewed';
  }
  const token =
    header[`${dialect.headerPrefix}security-token`] ??
    header['x-amz-security-token'] ??
    signed.get('X-Amz-Security-Token');
  if (token !== credential.sessionToken) return 'InvalidToken';
  if (!claim.isValid(credential.accessKeySecret)) return 'SignatureDoesNotMatch';
  if (credential.isExpired === true) return 'ExpiredToken';
  const isElsewhere = settings !== undefined && ![undefined, 'auto', settings.region].includes(region);
  return isElsewhere ? settings.regionNews : undefined;
}

export function payerRefusal(
  { header }: BucketRequest,
  { headerPrefix }: Dialect,
  settings: BucketSettings,
): Refusal | undefined {
  const pays =
    header[`${headerPrefix}request-payer`] === 'requester' || header['x-goog-user-project'] !== undefined;
  return settings.requesterPays && !pays ? 'AccessDenied' : undefined;
}
