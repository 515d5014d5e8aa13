import { cos, cosUrl } from '../../auth/cos.js';
import { obs, obsUrl } from '../../auth/obs.js';
import { ossV1, ossV1Url } from '../../auth/oss-v1.js';
import { ossV4, ossV4Url } from '../../auth/oss-v4.js';
import type { Signer, UrlSigner } from '../../auth/signer.js';
import { sigV4, sigV4Url } from '../../auth/sigv4.js';
import type { BucketAddress } from './bucket-address.js';
import type { BucketScheme } from './dialects.js';

const DEFAULT_REGION = 'us-east-1';

/** In the header of a request, and in the query of a URL. */
export interface BucketSigner {
  readonly sign: Signer;
  readonly signUrl: UrlSigner;
}

/** Who signs with an access key. `signature`: `s3` in place of the vendor's own. */
export function bucketSigner(
  scheme: BucketScheme,
  { region, bucket, isVirtual }: BucketAddress,
  signature: 'vendor' | 's3' = 'vendor',
): BucketSigner {
  const inHost = isVirtual ? { bucket } : {};
  if (signature === 'vendor') {
    if (scheme === 'cos') return { sign: cos(), signUrl: cosUrl() };
    if (scheme === 'obs') return { sign: obs(inHost), signUrl: obsUrl(inHost) };
    if (scheme === 'oss') {
      // The fourth version needs a region.
      if (region === undefined) return { sign: ossV1(inHost), signUrl: ossV1Url(inHost) };
      const options = { region, ...inHost };
      return { sign: ossV4(options), signUrl: ossV4Url(options) };
    }
  }
  const options = { region: region ?? DEFAULT_REGION };
  return { sign: sigV4(options), signUrl: sigV4Url(options) };
}
