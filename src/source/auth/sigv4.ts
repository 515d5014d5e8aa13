/**
 * AWS Signature Version 4 for reads of S3, in the Authorization header (AWS: "Authenticating Requests: Using the Authorization
 * Header"). Own code, since @smithy/signature-v4 loads for 40 ms and signs no other way: the vectors and smithy itself as
 * an oracle (test/oracles) judge it.
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

const EMPTY_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
const ALGORITHM = 'AWS4-HMAC-SHA256';

export interface SigV4Options {
  readonly region: string;
  /** Default: `s3`. */
  readonly service?: string;
  /** Default: the hash of the empty body. `unsigned`: for a store that demands it. */
  readonly payload?: 'empty' | 'unsigned';
}

/** The path is signed as it stands: S3 has each key encoded once (`encodeKey`), not twice as other services of AWS. */
export function sigV4({ region, service = 's3', payload = 'empty' }: SigV4Options): Signer {
  const signingKey = new SigningKey(region, service, 'aws4_request');
  const payloadHash = payload === 'empty' ? EMPTY_PAYLOAD : 'UNSIGNED-PAYLOAD';
  return ({ method, url, header }, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const time = compactTime(nowMs);
    const date = time.slice(0, 8);
    const scope = `${date}/${region}/${service}/aws4_request`;
    const added: Record<string, string> = { 'x-amz-content-sha256': payloadHash, 'x-amz-date': time };
    if (sessionToken !== undefined) added['x-amz-security-token'] = sessionToken;
    const fields = chosenFields({ host: url.host, ...header, ...added }, isSigned);
    const names = fields.map(([name]) => name).join(';');
    const canonical = [
      method,
      url.pathname,
      canonicalQuery(url),
      fieldLines(fields).replaceAll(/ +/g, ' '),
      names,
      payloadHash,
    ].join('\n');
    const toSign = [ALGORITHM, time, scope, hash('sha256', canonical)].join('\n');
    const signature = hmac('sha256', signingKey.for(`AWS4${accessKeySecret}`, date), toSign).toString('hex');
    const authorization = `${ALGORITHM} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { ...added, authorization };
  };
}

/** The same in the query ("Authenticating Requests: Using Query Parameters"). */
export function sigV4Url({
  region,
  service = 's3',
  validSeconds = URL_VALID_SECONDS,
}: Pick<SigV4Options, 'region' | 'service'> & { readonly validSeconds?: number }): UrlSigner {
  const signingKey = new SigningKey(region, service, 'aws4_request');
  return (given, { accessKeyId, accessKeySecret, sessionToken }, nowMs) => {
    const time = compactTime(nowMs);
    const date = time.slice(0, 8);
    const scope = `${date}/${region}/${service}/aws4_request`;
    const url = withQuery(given, {
      'X-Amz-Algorithm': ALGORITHM,
      'X-Amz-Credential': `${accessKeyId}/${scope}`,
      'X-Amz-Date': time,
      'X-Amz-Expires': String(validSeconds),
      'X-Amz-Security-Token': sessionToken,
      'X-Amz-SignedHeaders': 'host',
    });
    const fields = `host:${url.host}\n`;
    const canonical = ['GET', url.pathname, canonicalQuery(url), fields, 'host', 'UNSIGNED-PAYLOAD'].join(
      '\n',
    );
    const toSign = [ALGORITHM, time, scope, hash('sha256', canonical)].join('\n');
    const key = signingKey.for(`AWS4${accessKeySecret}`, date);
    return withQuery(url, { 'X-Amz-Signature': hmac('sha256', key, toSign).toString('hex') });
  };
}

/** Others, such as Accept-Encoding, may be changed on the way. */
function isSigned(name: string): boolean {
  return name === 'host' || name === 'range' || name === 'if-match' || name.startsWith('x-amz-');
}

function canonicalQuery(url: URL): string {
  if (url.search === '') return '';
  return queryPairs(url)
    .map(([name, value]): [string, string] => [encodeStrict(name), encodeStrict(value ?? '')])
    .toSorted((a, b) => byName(a, b) || byName([a[1]], [b[1]]))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}
