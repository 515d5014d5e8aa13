import { readCos, readObs, readOssV4, readSigV4, readSigV4Url, type SignatureReader } from './signatures.js';

export type Vendor = 's3' | 'oss' | 'obs' | 'cos' | 'gs';

/** In what a vendor's buckets differ (facts of the vendors' documents). */
export interface Dialect {
  readonly headerPrefix: string;
  readonly signatures: readonly SignatureReader[];
  /** Whether `Authorization: Bearer` with the server's token is accepted. */
  readonly bearer: boolean;
  readonly listVersion: 1 | 2;
  readonly canUrlEncode: boolean;
  readonly pathStyle: boolean;
}

const OWN = { bearer: false, listVersion: 2, canUrlEncode: true, pathStyle: true } as const;

export const DIALECTS: Readonly<Record<Vendor, Dialect>> = {
  s3: { ...OWN, headerPrefix: 'x-amz-', signatures: [readSigV4, readSigV4Url] },
  // A path-style request is a SecondLevelDomainForbidden there.
  oss: { ...OWN, headerPrefix: 'x-oss-', signatures: [readOssV4, readSigV4], pathStyle: false },
  obs: {
    ...OWN,
    headerPrefix: 'x-obs-',
    signatures: [readObs, readSigV4],
    listVersion: 1,
    canUrlEncode: false,
  },
  cos: { ...OWN, headerPrefix: 'x-cos-', signatures: [readCos, readSigV4], listVersion: 1 },
  gs: { ...OWN, headerPrefix: 'x-goog-', signatures: [readSigV4, readSigV4Url], bearer: true },
};

/** The status of each code of "Error responses", and what else comes with it. */
export const REFUSALS = {
  AccessDenied: 403,
  AccountProblem: 403,
  AllAccessDisabled: 403,
  AuthorizationHeaderMalformed: 400,
  ExpiredToken: 400,
  IllegalLocationConstraintException: 400,
  InternalError: 500,
  InvalidAccessKeyId: 403,
  InvalidArgument: 400,
  InvalidBearerToken: 401,
  InvalidBucketName: 400,
  InvalidObjectState: 403,
  InvalidPayer: 403,
  InvalidRequest: 400,
  InvalidSecurity: 403,
  InvalidToken: 400,
  KeyTooLongError: 400,
  MethodNotAllowed: 405,
  NoSuchBucket: 404,
  NoSuchKey: 404,
  NoSuchVersion: 404,
  NotSignedUp: 403,
  PermanentRedirect: 301,
  PreconditionFailed: 412,
  RequestTimeTooSkewed: 403,
  RequestTimeout: 400,
  SecondLevelDomainForbidden: 403,
  ServiceUnavailable: 503,
  SignatureDoesNotMatch: 403,
  SlowDown: 503,
  TemporaryRedirect: 307,
  TokenRefreshRequired: 400,
  TooManyRequests: 429,
} as const;

export type Refusal = keyof typeof REFUSALS;
