import { byName, chosenFields, fieldLines, hmac, queryPairs, withQuery } from './canonical.js';
import { type Signer, URL_VALID_SECONDS, type UrlSigner } from './signer.js';

export interface SignatureV2Options extends SignatureV2Dialect {
  /** Of the Authorization header: `OBS`, `OSS`. */
  readonly scheme: string;
}

interface SignatureV2Dialect {
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

/** The same in the query. `keyParameter` and `tokenParameter`: their names are each vendor's own. */
export function signatureV2Url({
  keyParameter,
  tokenParameter,
  isSubresource,
  resourceOf,
}: Omit<SignatureV2Dialect, 'headerPrefix'> & {
  readonly keyParameter: string;
  readonly tokenParameter: string;
}): UrlSigner {
  return (given, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const expires = String(Math.floor(nowMs / 1000) + URL_VALID_SECONDS);
    const url = withQuery(given, { [tokenParameter]: sessionToken });
    const toSign = ['GET', '', '', expires, resourceOf(url) + subresources(url, isSubresource)].join('\n');
    return withQuery(url, {
      [keyParameter]: accessKeyId,
      Expires: expires,
      Signature: hmac('sha1', accessKeySecret, toSign).toString('base64'),
    });
  };
}

function subresources(url: URL, isSubresource: (name: string) => boolean): string {
  const found = queryPairs(url)
    .filter(([name]) => isSubresource(name))
    .toSorted(byName)
    .map(([name, value = '']) => (value === '' ? name : `${name}=${value}`));
  return found.length === 0 ? '' : `?${found.join('&')}`;
}
