/** What a refusal of Azure's Blob service means, by its `x-ms-error-code`. */
import { NotFoundError, SourceError, type SourceErrorCode } from '../../errors.js';
import type { Refusal } from '../../http/refusal.js';

interface Meaning {
  readonly code: SourceErrorCode;
  readonly message: string;
}

const DENIED: Meaning = { code: 'ACCESS_DENIED', message: 'the account denies access' };
const BUSY: Meaning = { code: 'BUSY', message: 'the account is busy' };

const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  Object.entries({
    AuthenticationFailed: {
      code: 'ACCESS_DENIED',
      message: 'the account refuses the signature or the token, check the key, and the clock of this machine',
    },
    AuthorizationFailure: DENIED,
    AuthorizationPermissionMismatch: {
      code: 'ACCESS_DENIED',
      message: 'the credentials do not include this, check the permissions of the signature or the role',
    },
    AuthorizationResourceTypeMismatch: DENIED,
    AccountIsDisabled: DENIED,
    InsufficientAccountPermissions: DENIED,
    InvalidAuthenticationInfo: DENIED,
    NoAuthenticationInformation: DENIED,
    PublicAccessNotPermitted: {
      code: 'ACCESS_DENIED',
      message: 'the account has no public access, configure credentials',
    },
    BlobArchived: { code: 'ARCHIVED', message: 'the blob is in the archive tier, rehydrate it first' },
    BlobBeingRehydrated: { code: 'ARCHIVED', message: 'the blob is being rehydrated, it takes hours' },
    ServerBusy: BUSY,
    OperationTimedOut: BUSY,
    InternalError: BUSY,
    AccountBeingCreated: BUSY,
  }),
);
const MISSING = new Set(['BlobNotFound', 'ContainerNotFound', 'ResourceNotFound', 'ContainerBeingDeleted']);

/** `noCredentials`: where credentials were looked for, if the request was anonymous because there were none. */
export function explainBlobRefusal(
  { status, header }: Refusal,
  url: URL,
  noCredentials: string | undefined,
): SourceError | undefined {
  const code = header.get('x-ms-error-code') ?? '';
  const hint = noCredentials === undefined ? '' : ` (${noCredentials})`;
  const found = code === '' ? `status ${status}` : `status ${status}, ${code}`;
  if (MISSING.has(code)) return new NotFoundError(url, { found: `${found}${hint}`, status });
  const meaning = MEANINGS.get(code) ?? (status === 401 || status === 403 ? DENIED : undefined);
  if (meaning === undefined) return undefined;
  const isDenied = meaning.code === 'ACCESS_DENIED';
  return new SourceError(meaning.code, `${meaning.message}${isDenied ? hint : ''}`, url, { found, status });
}

export function isRetryableBlobRefusal({ header }: Refusal): boolean | undefined {
  return MEANINGS.get(header.get('x-ms-error-code') ?? '')?.code === 'BUSY' ? true : undefined;
}
