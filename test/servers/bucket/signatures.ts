/**
 * The signatures of requests as a server computes them, from the vendors' documents: the path and the query
 * are decoded and encoded again, so that what a client encodes otherwise than it signs is refused.
 */
import { createHash, createHmac } from 'node:crypto';

import type { BucketRequest } from './request.js';

export interface Claim {
  readonly accessKeyId: string;
  /** When it was signed; undefined: the signature has a life of its own, and is in it. */
  readonly signedAtMs: number | undefined;
  readonly region: string | undefined;
  readonly isValid: (secret: string) => boolean;
}

/** Reads what a request claims to be signed with. Undefined: it is not signed in this way. */
export type SignatureReader = (request: BucketRequest, nowMs: number) => Claim | undefined;

/** "Authenticating Requests: Using the Authorization Header" (Amazon S3), and Google's name for the same. */
export const readSigV4: SignatureReader = (request) => {
  const { header } = request;
  const parsed =
    /^(?<kind>AWS4|GOOG4)-HMAC-SHA256 Credential=(?<id>[^/]+)\/(?<scope>\d{8}\/(?<region>[^/]*)\/(?<service>\w+)\/(?:aws4|goog4)_request), ?SignedHeaders=(?<names>[^,]+), ?Signature=(?<signature>[0-9a-f]{64})$/.exec(
      header['authorization'] ?? '',
    )?.groups;
  if (parsed === undefined) return undefined;
  const { kind = '', id = '', scope = '', region = '', names = '', signature = '' } = parsed;
  const prefix = kind === 'AWS4' ? 'x-amz-' : 'x-goog-';
  const date = header[`${prefix}date`] ?? '';
  const signedNames = names.split(';');
  const needed = ['host', ...Object.keys(header).filter((name) => name.startsWith(prefix))];
  return {
    accessKeyId: id,
    region,
    signedAtMs: compactDateMs(date),
    isValid: (secret) =>
      needed.every((name) => signedNames.includes(name)) &&
      sigV4(request, { kind, prefix, date, scope, names, secret }) === signature,
  };
};

/** "Authenticating Requests: Using Query Parameters" (Amazon S3). */
export const readSigV4Url: SignatureReader = (request, nowMs) => {
  const query = new Map(request.query);
  const parameter = (name: string): string => query.get(`X-Amz-${name}`) ?? '';
  if (!query.has('X-Amz-Signature')) return undefined;
  const [id = '', ...scope] = parameter('Credential').split('/');
  const [date, names] = [parameter('Date'), parameter('SignedHeaders')];
  const ageMs = nowMs - compactDateMs(date);
  const lives = ageMs > -60_000 && ageMs < Number(parameter('Expires')) * 1000;
  const unsigned = {
    ...request,
    query: request.query.filter(([name]) => name !== 'X-Amz-Signature'),
    header: { ...request.header, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
  };
  return {
    accessKeyId: id,
    region: scope[1],
    signedAtMs: lives ? undefined : 0,
    isValid: (secret) =>
      // Fields of the vendor's own must be signed.
      Object.keys(request.header).every((name) => !name.startsWith('x-amz-') || names.includes(name)) &&
      sigV4(unsigned, { kind: 'AWS4', prefix: 'x-amz-', date, scope: scope.join('/'), names, secret }) ===
        parameter('Signature'),
  };
};

/** The signature by itself, in hexadecimal. */
export function sigV4(
  request: BucketRequest,
  {
    kind,
    prefix,
    date,
    scope,
    names,
    secret,
  }: {
    readonly kind: string;
    readonly prefix: string;
    readonly date: string;
    readonly scope: string;
    /** Of the signed headers, with `;` between them. */
    readonly names: string;
    readonly secret: string;
  },
): string {
  const { header } = request;
  const canonical = [
    request.method,
    strictPath(request.rawPath),
    canonicalQuery(request.query, 'always'),
    ...names.split(';').map((name) => `${name}:${(header[name] ?? '').trim().replaceAll(/ +/g, ' ')}`),
    '',
    names,
    header[`${prefix}content-sha256`] ?? '',
  ].join('\n');
  const text = `${kind}-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
  return hmacChain('sha256', [`${kind}${secret}`, ...scope.split('/')], text).toString('hex');
}

/** "Include a V4 signature in the Authorization header" (Alibaba Cloud OSS). */
export const readOssV4: SignatureReader = (request) => {
  const { header } = request;
  const parsed =
    /^OSS4-HMAC-SHA256 Credential=(?<id>[^/]+)\/(?<scope>\d{8}\/(?<region>[^/]+)\/oss\/aliyun_v4_request), ?(?:AdditionalHeaders=(?<additional>[^,]*), ?)?Signature=(?<signature>[0-9a-f]{64})$/.exec(
      header['authorization'] ?? '',
    )?.groups;
  if (parsed === undefined) return undefined;
  const { id = '', scope = '', region = '', additional = '', signature = '' } = parsed;
  const date = header['x-oss-date'] ?? '';
  const always = (name: string): boolean => /^(?:x-oss-.*|content-type|content-md5)$/.test(name);
  return {
    accessKeyId: id,
    region,
    signedAtMs: compactDateMs(date),
    isValid: (secret) => {
      const names = Object.keys(header).filter(
        (name) => always(name) || additional.split(';').includes(name),
      );
      const canonical = [
        request.method,
        strictPath(`/${request.bucket}/${encodeStrictly(request.key)}`),
        canonicalQuery(request.query, 'with a value'),
        ...names.toSorted().map((name) => `${name}:${(header[name] ?? '').trim()}`),
        '',
        additional,
        header['x-oss-content-sha256'] ?? '',
      ].join('\n');
      const text = `OSS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonical)}`;
      return (
        hmacChain('sha256', [`aliyun_v4${secret}`, ...scope.split('/')], text).toString('hex') === signature
      );
    },
  };
};

const OBS_SUBRESOURCES = new Set(['versionId', 'acl', 'location', 'versions', 'versioning', 'torrent']);

/** "Authentication of Signature in a Header" (Huawei OBS). */
export const readObs: SignatureReader = (request) => {
  const { header } = request;
  const parsed = /^OBS (?<id>[^:]+):(?<signature>.+)$/.exec(header['authorization'] ?? '')?.groups;
  if (parsed === undefined) return undefined;
  const { id = '', signature = '' } = parsed;
  const ownDate = header['x-obs-date'];
  return {
    accessKeyId: id,
    region: undefined,
    signedAtMs: Date.parse(ownDate ?? header['date'] ?? ''),
    isValid: (secret) => {
      const own = Object.keys(header).filter((name) => name.startsWith('x-obs-'));
      const sub = request.query
        .filter(([name]) => OBS_SUBRESOURCES.has(name))
        .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
        .toSorted();
      const text = [
        request.method,
        header['content-md5'] ?? '',
        header['content-type'] ?? '',
        ownDate === undefined ? (header['date'] ?? '') : '',
        ...own.toSorted().map((name) => `${name}:${(header[name] ?? '').trim()}`),
        `/${request.bucket}/${encodeStrictly(request.key)}${sub.length === 0 ? '' : `?${sub.join('&')}`}`,
      ].join('\n');
      return createHmac('sha1', secret).update(text).digest('base64') === signature;
    },
  };
};

/** "Request Signature" (Tencent COS). The signature has a life: `start;end` in seconds. */
export const readCos: SignatureReader = (request, nowMs) => {
  const { header } = request;
  const parts = new Map(
    (header['authorization'] ?? '').split('&').map((part) => part.split('=', 2) as [string, string]),
  );
  if (parts.get('q-sign-algorithm') !== 'sha1') return undefined;
  const [keyTime, signTime] = [parts.get('q-key-time') ?? '', parts.get('q-sign-time') ?? ''];
  const [startS = 0, endS = 0] = signTime.split(';').map(Number);
  const lives = nowMs / 1000 >= startS && nowMs / 1000 < endS;
  const listed = (name: string): string[] => (parts.get(name) ?? '').split(';').filter((each) => each !== '');
  const query = Object.fromEntries(
    request.query.map(([name, value]) => [encodeStrictly(name).toLowerCase(), value]),
  );
  const pairs = (names: readonly string[], values: Readonly<Record<string, string>>): string =>
    names.map((name) => `${name}=${encodeStrictly(values[name] ?? '', true)}`).join('&');
  return {
    accessKeyId: parts.get('q-ak') ?? '',
    region: undefined,
    signedAtMs: lives ? undefined : startS * 1000,
    isValid: (secret) => {
      const [parameters, names] = [listed('q-url-param-list'), listed('q-header-list')];
      // Whatever is sent as a parameter is to be signed.
      if (!Object.keys(query).every((name) => parameters.includes(name))) return false;
      const text = [
        request.method.toLowerCase(),
        decodeURIComponent(request.rawPath),
        pairs(parameters, query),
        pairs(names, header),
        '',
      ].join('\n');
      const signKey = createHmac('sha1', secret).update(keyTime).digest('hex');
      const toSign = `sha1\n${signTime}\n${createHash('sha1').update(text).digest('hex')}\n`;
      return createHmac('sha1', signKey).update(toSign).digest('hex') === parts.get('q-signature');
    },
  };
};

/** All but `A-Za-z0-9-._~`, and `/` in a key. */
export function encodeStrictly(text: string, isValue = false): string {
  const encoded = encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return isValue ? encoded : encoded.replaceAll('%2F', '/');
}

function strictPath(rawPath: string): string {
  return encodeStrictly(decodeURIComponent(rawPath));
}

function canonicalQuery(
  query: readonly (readonly [string, string])[],
  equalsSign: 'always' | 'with a value',
): string {
  return query
    .map(([name, value]) => [encodeStrictly(name, true), encodeStrictly(value, true)] as const)
    .toSorted(([a, aValue], [b, bValue]) => (a === b ? order(aValue, bValue) : order(a, b)))
    .map(([name, value]) => (value === '' && equalsSign !== 'always' ? name : `${name}=${value}`))
    .join('&');
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function compactDateMs(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/, '$1-$2-$3T$4:$5:$6Z'));
}

function hmacChain(algorithm: string, [first = '', ...rest]: readonly string[], text: string): Buffer {
  return [...rest, text].reduce<Buffer>(
    (key, part) => createHmac(algorithm, key).update(part).digest(),
    Buffer.from(first),
  );
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
