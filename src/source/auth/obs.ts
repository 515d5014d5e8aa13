import { signatureV2, type SignatureV2Options, signatureV2Url } from './signature-v2.js';
import type { Signer, UrlSigner } from './signer.js';

interface ObsOptions {
  readonly bucket?: string;
}

/** Of the sub-resources those that a GET can have. In lower case: OBS compares so. */
const SUBRESOURCES = new Set([
  'acl',
  'encryption',
  'location',
  'policy',
  'quota',
  'requestpayment',
  'storageclass',
  'storageinfo',
  'storagepolicy',
  'tagging',
  'uploadid',
  'uploads',
  'versionid',
  'versioning',
  'versions',
  'x-image-process',
]);

/**
 * The signature of Huawei Cloud OBS ("Authentication of Signature in a Header"). `bucket`: if the host has it. With a domain
 * name of the user's own, that name is the bucket.
 */
export function obs(options: ObsOptions): Signer {
  return signatureV2({ scheme: 'OBS', headerPrefix: 'x-obs-', ...resources(options) });
}

/** The same in the query ("Authentication of Signature in a URL"). */
export function obsUrl(options: ObsOptions): UrlSigner {
  const names = { keyParameter: 'AccessKeyId', tokenParameter: 'x-obs-security-token' };
  return signatureV2Url({ ...names, ...resources(options) });
}

function resources({ bucket }: ObsOptions): Pick<SignatureV2Options, 'isSubresource' | 'resourceOf'> {
  const root = bucket === undefined ? '' : `/${bucket}`;
  return {
    isSubresource: (name) => SUBRESOURCES.has(name.toLowerCase()) || /^(response|x-obs)-/i.test(name),
    resourceOf: (url) => `${root}${url.pathname}`,
  };
}
