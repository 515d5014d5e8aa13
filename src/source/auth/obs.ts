import { signatureV2 } from './signature-v2.js';
import type { Signer } from './signer.js';

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
export function obs({ bucket }: { readonly bucket?: string }): Signer {
  const root = bucket === undefined ? '' : `/${bucket}`;
  return signatureV2({
    scheme: 'OBS',
    headerPrefix: 'x-obs-',
    isSubresource: (name) => SUBRESOURCES.has(name.toLowerCase()) || /^(response|x-obs)-/i.test(name),
    resourceOf: (url) => `${root}${url.pathname}`,
  });
}
