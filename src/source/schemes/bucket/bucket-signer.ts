import { cos } from '../../auth/cos.js';
import { obs } from '../../auth/obs.js';
import { ossV1 } from '../../auth/oss-v1.js';
import { ossV4 } from '../../auth/oss-v4.js';
import type { Signer } from '../../auth/signer.js';
import { sigV4 } from '../../auth/sigv4.js';
import type { BucketAddress } from './bucket-address.js';
import type { BucketScheme } from './dialects.js';

const DEFAULT_REGION = 'us-east-1';

/** Who signs with an access key. `signature`: `s3` in place of the vendor's own. */
export function bucketSigner(
  scheme: BucketScheme,
  { region, bucket, isVirtual }: BucketAddress,
  signature: 'vendor' | 's3' = 'vendor',
): Signer {
  const inHost = isVirtual ? { bucket } : {};
  if (signature === 'vendor') {
    if (scheme === 'cos') return cos();
    if (scheme === 'obs') return obs(inHost);
    // The fourth version needs a region.
    if (scheme === 'oss') return region === undefined ? ossV1(inHost) : ossV4({ region, ...inHost });
  }
  return sigV4({ region: region ?? DEFAULT_REGION });
}
