import { decode } from './canonical.js';
import { signatureV2 } from './signature-v2.js';
import type { Signer } from './signer.js';

/** Of the sub-resources those that a GET can have. */
const SUBRESOURCES = new Set([
  'acl',
  'bucketInfo',
  'continuation-token',
  'location',
  'objectMeta',
  'restore',
  'security-token',
  'stat',
  'symlink',
  'tagging',
  'uploadId',
  'uploads',
  'versionId',
  'versioning',
  'versions',
]);

/** Signature V1 of Alibaba Cloud OSS, for an endpoint whose region is unknown: V4 needs one. `bucket`: if the host has it. */
export function ossV1({ bucket }: { readonly bucket?: string }): Signer {
  const root = bucket === undefined ? '' : `/${bucket}`;
  return signatureV2({
    scheme: 'OSS',
    headerPrefix: 'x-oss-',
    isSubresource: (name) => SUBRESOURCES.has(name) || /^(response|x-oss)-/.test(name),
    resourceOf: (url) => `${root}${decode(url.pathname)}`,
  });
}
