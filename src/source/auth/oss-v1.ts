import { decode } from './canonical.js';
import { signatureV2, type SignatureV2Options, signatureV2Url } from './signature-v2.js';
import type { Signer, UrlSigner } from './signer.js';

interface OssV1Options {
  readonly bucket?: string;
}

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
export function ossV1(options: OssV1Options): Signer {
  return signatureV2({ scheme: 'OSS', headerPrefix: 'x-oss-', ...resources(options) });
}

/** The same in the query ("Include a V1 signature in a URL"). */
export function ossV1Url(options: OssV1Options): UrlSigner {
  const names = { keyParameter: 'OSSAccessKeyId', tokenParameter: 'security-token' };
  return signatureV2Url({ ...names, ...resources(options) });
}

function resources({ bucket }: OssV1Options): Pick<SignatureV2Options, 'isSubresource' | 'resourceOf'> {
  const root = bucket === undefined ? '' : `/${bucket}`;
  return {
    isSubresource: (name) => SUBRESOURCES.has(name) || /^(response|x-oss)-/.test(name),
    resourceOf: (url) => `${root}${decode(url.pathname)}`,
  };
}
