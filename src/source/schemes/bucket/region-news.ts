/** Where a refusal says that the bucket is. */
import type { Refusal } from '../../http/refusal.js';
import type { BucketDialect } from './dialects.js';
import { parseObjectError } from './object-error.js';

const REGION = /^[a-z0-9][a-z0-9-]{1,40}$/;
const REGION_CODES = new Set([
  'PermanentRedirect',
  'TemporaryRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

/**
 * Undefined: it is about something else. Of an endpoint only the region is used, and that only where it is one of the
 * vendor's: the server must not choose where signed requests go to.
 */
export function regionNews(
  { headerPrefix, endpointHost }: BucketDialect,
  refusal: Refusal,
): string | undefined {
  const { status, header, text } = refusal;
  if (status !== 301 && status !== 307 && status !== 400 && status !== 403) return undefined;
  const error = parseObjectError(text);
  const isNews =
    status < 400 ||
    (status === 400 && (error === undefined || REGION_CODES.has(error.code))) ||
    // OSS has no code of its own for it.
    (error?.code === 'AccessDenied' && error.endpoint !== undefined);
  if (!isNews) return undefined;
  const ofEndpoint = endpointHost.exec(error?.endpoint ?? '')?.[1];
  const region =
    header.get('x-amz-bucket-region') ??
    header.get(`${headerPrefix}bucket-region`) ??
    error?.region ??
    ofEndpoint;
  return region !== undefined && REGION.test(region) ? region : undefined;
}
