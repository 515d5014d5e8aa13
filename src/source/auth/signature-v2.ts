import { byName, chosenFields, fieldLines, hmac, queryPairs } from './canonical.js';
import type { Signer } from './signer.js';

export interface SignatureV2Options {
  /** Of the Authorization header: `OBS`, `OSS`. */
  readonly scheme: string;
  /** Fields with it are signed: `x-obs-`. */
  readonly headerPrefix: string;
  readonly isSubresource: (name: string) => boolean;
  /** The path, bucket included, as it is signed. */
  readonly resourceOf: (url: URL) => string;
}

/** The first signature of S3, with HMAC-SHA1; Huawei and Alibaba took it over with names of their own. */
export function signatureV2({ scheme, headerPrefix, isSubresource, resourceOf }: SignatureV2Options): Signer {
  return ({ method, url, header }, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const added: Record<string, string> = { date: new Date(nowMs).toUTCString() };
    if (sessionToken !== undefined) added[`${headerPrefix}security-token`] = sessionToken;
    const all = { ...header, ...added };
    const toSign = [
      method,
      all['content-md5'] ?? '',
      all['content-type'] ?? '',
      added['date'],
      fieldLines(chosenFields(all, (name) => name.startsWith(headerPrefix))) +
        resourceOf(url) +
        subresources(url, isSubresource),
    ].join('\n');
    const signature = hmac('sha1', accessKeySecret, toSign).toString('base64');
    return { ...added, authorization: `${scheme} ${accessKeyId}:${signature}` };
  };
}

function subresources(url: URL, isSubresource: (name: string) => boolean): string {
  const found = queryPairs(url)
    .filter(([name]) => isSubresource(name))
    .toSorted(byName)
    .map(([name, value = '']) => (value === '' ? name : `${name}=${value}`));
  return found.length === 0 ? '' : `?${found.join('&')}`;
}
