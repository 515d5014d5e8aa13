import test from 'ava';

import type { SourceErrorCode } from '../../src/source/errors.js';
import { HeaderFields } from '../../src/source/http/header-fields.js';
import type { Refusal } from '../../src/source/http/refusal.js';
import { DIALECTS } from '../../src/source/schemes/bucket/dialects.js';
import {
  explainRefusal,
  isCredentialRefusal,
  isRetryableRefusal,
} from '../../src/source/schemes/bucket/explain-refusal.js';
import { objectDigest } from '../../src/source/schemes/bucket/object-digest.js';
import { parseObjectError } from '../../src/source/schemes/bucket/object-error.js';
import { regionNews } from '../../src/source/schemes/bucket/region-news.js';

const OBJECT = new URL('s3://bucket/key');

function headerOf(fields: Readonly<Record<string, string>>): HeaderFields {
  const header = new HeaderFields();
  for (const [name, value] of Object.entries(fields)) header.set(name, value);
  return header;
}

function refusal(status: number, code?: string, inner = '', fields: Record<string, string> = {}): Refusal {
  const text =
    code === undefined
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>m</Message>${inner}</Error>`;
  return {
    url: new URL('https://bucket.s3.us-east-1.amazonaws.com/key?sig=1'),
    status,
    header: headerOf(fields),
    text,
  };
}

const TABLE: readonly (readonly [status: number, code: string, becomes: SourceErrorCode | undefined])[] = [
  [404, 'NoSuchKey', 'NOT_FOUND'],
  [404, 'NoSuchBucket', 'NOT_FOUND'],
  [404, 'NoSuchVersion', 'NOT_FOUND'],
  [403, 'AccessDenied', 'ACCESS_DENIED'],
  // Of every object of JavaScript.
  [403, 'constructor', 'ACCESS_DENIED'],
  [404, '__proto__', 'NOT_FOUND'],
  [403, 'AllAccessDisabled', 'ACCESS_DENIED'],
  [403, 'InvalidAccessKeyId', 'ACCESS_DENIED'],
  [403, 'SignatureDoesNotMatch', 'ACCESS_DENIED'],
  [400, 'InvalidToken', 'ACCESS_DENIED'],
  [403, 'InvalidSecurity', 'ACCESS_DENIED'],
  [403, 'AccountProblem', 'ACCESS_DENIED'],
  [403, 'NotSignedUp', 'ACCESS_DENIED'],
  [403, 'InvalidPayer', 'ACCESS_DENIED'],
  [400, 'ExpiredToken', 'ACCESS_DENIED'],
  [400, 'TokenRefreshRequired', 'ACCESS_DENIED'],
  [403, 'RequestTimeTooSkewed', 'ACCESS_DENIED'],
  [403, 'InvalidObjectState', 'ARCHIVED'],
  [400, 'RequestTimeout', 'BUSY'],
  [500, 'InternalError', 'BUSY'],
  [301, 'PermanentRedirect', 'NOT_CONFIGURED'],
  [307, 'TemporaryRedirect', 'NOT_CONFIGURED'],
  [400, 'AuthorizationHeaderMalformed', 'NOT_CONFIGURED'],
  [400, 'IllegalLocationConstraintException', 'NOT_CONFIGURED'],
  [400, 'InvalidBucketName', 'INVALID_REQUEST'],
  [400, 'KeyTooLongError', 'INVALID_REQUEST'],
  [400, 'InvalidArgument', 'INVALID_REQUEST'],
  [400, 'InvalidRequest', 'INVALID_REQUEST'],
  [403, 'SomethingNew', 'ACCESS_DENIED'],
  [404, 'SomethingNew', 'NOT_FOUND'],
  [400, 'KMS.DisabledException', 'UNEXPECTED_STATUS'],
  // The engine knows these as well, and the Retry-After.
  [503, 'SlowDown', undefined],
  [503, 'ServiceUnavailable', undefined],
  [412, 'PreconditionFailed', undefined],
];

for (const [status, code, becomes] of TABLE) {
  test(`${status} ${code} is ${becomes ?? "the engine's"}`, (t) => {
    const error = explainRefusal(refusal(status, code), OBJECT);
    t.is(error?.code, becomes);
    if (error === undefined) return;
    t.is(error.status, status);
    t.is(error.url, OBJECT.href);
    t.regex(error.found ?? '', new RegExp(`${status}, ${code}: m$`));
  });
}

test('a refusal without a body goes by its status', (t) => {
  t.is(explainRefusal(refusal(403), OBJECT)?.code, 'ACCESS_DENIED');
  t.is(explainRefusal(refusal(404), OBJECT), undefined);
  t.is(
    explainRefusal(refusal(405, undefined, '', { 'x-amz-delete-marker': 'true' }), OBJECT)?.code,
    'NOT_FOUND',
  );
});

test('a message says what to do', (t) => {
  const messageOf = (status: number, code: string, noCredentials?: string): string =>
    explainRefusal(refusal(status, code), OBJECT, noCredentials)?.message ?? '';
  t.regex(messageOf(403, 'InvalidObjectState'), /restore it first/);
  t.regex(messageOf(403, 'SignatureDoesNotMatch'), /check the secret/);
  t.regex(
    messageOf(403, 'AccessDenied', 'no credentials were found: looked in the environment'),
    /denies access \(no credentials were found: looked in the environment\)/,
  );
  t.notRegex(messageOf(404, 'NoSuchKey', 'no credentials were found'), /credentials/);
  t.regex(
    messageOf(400, 'AuthorizationHeaderMalformed2', 'no credentials were found'),
    /\(no credentials were found\)/,
  );
  t.is(messageOf(400, 'AuthorizationHeaderMalformed2').includes('credentials'), false);
});

test('of an echo of what was signed, of tokens and of keys nothing is shown', (t) => {
  const token = 'FwoGZXIvYXdzEBYaDKq0Zr3v4xJ1example';
  const text =
    `<Error><Code>ExpiredToken</Code><Message>The token ${token} has expired ${'x'.repeat(1_000)}</Message>` +
    `<Token-0>${token}</Token-0><StringToSign>${token}</StringToSign></Error>`;
  const error = explainRefusal({ ...refusal(400), text }, OBJECT);
  t.is(error?.code, 'ACCESS_DENIED');
  t.false(`${error?.message} ${error?.found} ${error?.expected}`.includes(token));
  t.true((error?.found ?? '').length < 400);
});

test('what other credentials may mend, and what a moment later may be another', (t) => {
  for (const [status, code] of [
    [400, 'ExpiredToken'],
    [403, 'InvalidAccessKeyId'],
    [401, 'AuthenticationRequired'],
  ] as const) {
    t.true(isCredentialRefusal(refusal(status, code)), code);
  }
  t.false(isCredentialRefusal(refusal(403, 'AccessDenied')));
  t.is(isRetryableRefusal(refusal(400, 'RequestTimeout')), true);
  t.is(isRetryableRefusal(refusal(400, 'InvalidRequest')), undefined);
});

test('a body that is no error, or one that is cut short, is read as far as it goes', (t) => {
  t.is(parseObjectError('<html><body>403</body></html>'), undefined);
  t.is(parseObjectError(''), undefined);
  t.is(parseObjectError('\n<Error><Code>NoSuchKey</Code><Mess')?.code, 'NoSuchKey');
  t.is(parseObjectError('<Error><Code>a b</Code></Error>')?.code, 'none');
});

test('a refusal says in which region the bucket is', (t) => {
  const { s3, oss } = DIALECTS;
  const region = { 'x-amz-bucket-region': 'eu-west-1' };
  t.is(regionNews(s3, refusal(301, 'PermanentRedirect', '', region)), 'eu-west-1');
  t.is(regionNews(s3, refusal(307, 'TemporaryRedirect', '', region)), 'eu-west-1');
  t.is(regionNews(s3, refusal(400, undefined, '', region)), 'eu-west-1');
  const malformed = refusal(400, 'AuthorizationHeaderMalformed', '<Region>eu-west-1</Region>');
  t.is(regionNews(s3, malformed), 'eu-west-1');
  const endpoint = '<Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint>';
  t.is(regionNews(oss, refusal(403, 'AccessDenied', endpoint)), 'cn-beijing');
});

test('what is no news of a region, or could lead elsewhere, is none', (t) => {
  const { s3, oss } = DIALECTS;
  t.is(regionNews(s3, refusal(403, 'AccessDenied', '', { 'x-amz-bucket-region': 'eu-west-1' })), undefined);
  t.is(regionNews(s3, refusal(400, 'ExpiredToken', '', { 'x-amz-bucket-region': 'eu-west-1' })), undefined);
  t.is(
    regionNews(s3, refusal(301, 'PermanentRedirect', '', { 'x-amz-bucket-region': 'a.evil.test/' })),
    undefined,
  );
  t.is(regionNews(s3, refusal(400, 'AuthorizationHeaderMalformed', '<Region>evil.test</Region>')), undefined);
  t.is(regionNews(oss, refusal(403, 'AccessDenied', '<Endpoint>oss.evil.test</Endpoint>')), undefined);
});

test('a digest is taken where it is of the whole object', (t) => {
  const crc64nvme = { 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAE=' };
  t.deepEqual(objectDigest(200, headerOf(crc64nvme)), { algorithm: 'crc64nvme', hex: '0000000000000001' });
  const range = (text: string): Record<string, string> => ({
    ...crc64nvme,
    'content-range': `bytes ${text}`,
  });
  t.is(objectDigest(206, headerOf(range('0-9/10')))?.hex, '0000000000000001');
  t.is(objectDigest(206, headerOf(range('0-9/11'))), undefined);
  t.is(objectDigest(200, headerOf({ ...crc64nvme, 'x-amz-checksum-type': 'COMPOSITE' })), undefined);
  t.is(objectDigest(200, headerOf({ 'x-amz-checksum-crc32c': 'AAAAAQ==-2' })), undefined);
  t.deepEqual(
    objectDigest(206, headerOf({ 'x-goog-hash': 'crc32c=n03x6A==, md5=Ojk9c3dhfxgoKVVHYwFbHQ==' })),
    {
      algorithm: 'crc32c',
      hex: '9f4df1e8',
    },
  );
  t.deepEqual(objectDigest(206, headerOf({ 'x-oss-hash-crc64ecma': '18446744073709551615' })), {
    algorithm: 'crc64xz',
    hex: 'ffffffffffffffff',
  });
  t.is(objectDigest(200, headerOf({ 'x-oss-hash-crc64ecma': '99999999999999999999' })), undefined);
  t.is(objectDigest(200, headerOf({})), undefined);
});
