/**
 * Signature V4 of Alibaba Cloud OSS, in the Authorization header ("Include a V4 signature in the Authorization header").
 * A query parameter should have a value: of one with an empty value Alibaba's SDKs disagree what is signed.
 */

import {
  byName,
  chosenFields,
  compactTime,
  encodeStrict,
  fieldLines,
  hash,
  hmac,
  queryPairs,
  withQuery,
} from './canonical.js';
import { type Signer, URL_VALID_SECONDS, type UrlSigner } from './signer.js';
import { SigningKey } from './signing-key.js';

const ALGORITHM = 'OSS4-HMAC-SHA256';
const PAYLOAD = 'UNSIGNED-PAYLOAD';

/** `region`: such as `cn-hangzhou`. `bucket`: if the host has it; it is signed as if it began the path. */
export function ossV4({ region, bucket }: { readonly region: string; readonly bucket?: string }): Signer {
  const signingKey = new SigningKey(region, 'oss', 'aliyun_v4_request');
  const root = bucket === undefined ? '' : `/${encodeStrict(bucket)}`;
  return ({ method, url, header }, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const time = compactTime(nowMs);
    const date = time.slice(0, 8);
    const scope = `${date}/${region}/oss/aliyun_v4_request`;
    const added: Record<string, string> = { 'x-oss-content-sha256': PAYLOAD, 'x-oss-date': time };
    if (sessionToken !== undefined) added['x-oss-security-token'] = sessionToken;
    const canonical = [
      method,
      `${root}${url.pathname}`,
      canonicalQuery(url),
      fieldLines(chosenFields({ ...header, ...added }, isSigned)),
      '',
      PAYLOAD,
    ].join('\n');
    const toSign = [ALGORITHM, time, scope, hash('sha256', canonical)].join('\n');
    const signature = hmac('sha256', signingKey.for(`aliyun_v4${accessKeySecret}`, date), toSign).toString(
      'hex',
    );
    return {
      ...added,
      authorization: `${ALGORITHM} Credential=${accessKeyId}/${scope},Signature=${signature}`,
    };
  };
}

/** The same in the query ("Include a V4 signature in a URL"). */
export function ossV4Url({
  region,
  bucket,
}: {
  readonly region: string;
  readonly bucket?: string;
}): UrlSigner {
  const signingKey = new SigningKey(region, 'oss', 'aliyun_v4_request');
  const root = bucket === undefined ? '' : `/${encodeStrict(bucket)}`;
  return (given, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const time = compactTime(nowMs);
    const date = time.slice(0, 8);
    const scope = `${date}/${region}/oss/aliyun_v4_request`;
    const url = withQuery(given, {
      'x-oss-signature-version': ALGORITHM,
      'x-oss-credential': `${accessKeyId}/${scope}`,
      'x-oss-date': time,
      'x-oss-expires': String(URL_VALID_SECONDS),
      'x-oss-security-token': sessionToken,
    });
    const canonical = ['GET', `${root}${url.pathname}`, canonicalQuery(url), '', '', PAYLOAD].join('\n');
    const toSign = [ALGORITHM, time, scope, hash('sha256', canonical)].join('\n');
    const key = signingKey.for(`aliyun_v4${accessKeySecret}`, date);
    return withQuery(url, { 'x-oss-signature': hmac('sha256', key, toSign).toString('hex') });
  };
}

function isSigned(name: string): boolean {
  return name === 'content-type' || name === 'content-md5' || name.startsWith('x-oss-');
}

function canonicalQuery(url: URL): string {
  return queryPairs(url)
    .map(([name, value = '']): [string, string] => [encodeStrict(name), encodeStrict(value)])
    .toSorted(byName)
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .join('&');
}
