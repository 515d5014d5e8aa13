import { byName, decode, encodeStrict, hash, hmac, queryPairs, withQuery } from './canonical.js';
import {
  type AccessKey,
  type SignableRequest,
  type Signer,
  URL_VALID_SECONDS,
  type UrlSigner,
} from './signer.js';

/** Either side of now, for clocks that differ. */
const EARLY_SECONDS = 60;
const VALID_SECONDS = 900;

/** The signature of Tencent Cloud COS ("Request Signature"): the host and all of the query. */
export function cos(): Signer {
  return (request, key, nowMs) => {
    const nowSeconds = Math.floor(nowMs / 1000);
    const keyTime = `${nowSeconds - EARLY_SECONDS};${nowSeconds + VALID_SECONDS}`;
    const authorization = cosAuthorization({ ...request, header: { host: request.url.host } }, key, keyTime);
    const { sessionToken } = key;
    return sessionToken === undefined
      ? { authorization }
      : { authorization, 'x-cos-security-token': sessionToken };
  };
}

/** The same in the query. */
export function cosUrl(): UrlSigner {
  return (given, key, nowMs) => {
    const nowSeconds = Math.floor(nowMs / 1000);
    const keyTime = `${nowSeconds - EARLY_SECONDS};${nowSeconds + URL_VALID_SECONDS}`;
    const signature = cosAuthorization(
      { method: 'GET', url: given, header: { host: given.host } },
      key,
      keyTime,
    );
    const parameters = Object.fromEntries(signature.split('&').map((part) => splitPair(part)));
    // As in the vendor's SDKs, the token is not signed.
    return withQuery(given, { ...parameters, 'x-cos-security-token': key.sessionToken });
  };
}

/** The values of an authorization are encoded already, where they are. */
function splitPair(part: string): readonly [name: string, value: string] {
  const at = part.indexOf('=');
  return [part.slice(0, at), part.slice(at + 1)];
}

/** Signs all fields of the header. `keyTime`: `start;end`, in seconds. */
export function cosAuthorization(
  { method, url, header }: SignableRequest,
  { accessKeyId, accessKeySecret }: AccessKey,
  keyTime: string,
): string {
  const query = encodedPairs(queryPairs(url));
  const fields = encodedPairs(Object.entries(header));
  const text = [method.toLowerCase(), decode(url.pathname), joined(query), joined(fields), ''].join('\n');
  const toSign = ['sha1', keyTime, hash('sha1', text), ''].join('\n');
  // The second HMAC takes the digits of the first as its key, not the bytes.
  const signKey = hmac('sha1', accessKeySecret, keyTime).toString('hex');
  return [
    'q-sign-algorithm=sha1',
    `q-ak=${accessKeyId}`,
    `q-sign-time=${keyTime}`,
    `q-key-time=${keyTime}`,
    `q-header-list=${namesOf(fields)}`,
    `q-url-param-list=${namesOf(query)}`,
    `q-signature=${hmac('sha1', signKey, toSign).toString('hex')}`,
  ].join('&');
}

type Pair = readonly [name: string, value: string];

function encodedPairs(pairs: readonly (readonly [string, string | undefined])[]): Pair[] {
  return pairs
    .map(([name, value = '']): Pair => [encodeStrict(name).toLowerCase(), encodeStrict(value)])
    .toSorted(byName);
}

function joined(pairs: readonly Pair[]): string {
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

function namesOf(pairs: readonly Pair[]): string {
  return pairs.map(([name]) => name).join(';');
}
