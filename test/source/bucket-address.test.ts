import test from 'ava';

import { encodeKey } from '../../src/source/auth/canonical.js';
import {
  type AddressSettings,
  type BucketAddress,
  bucketAddress,
  objectUrl,
} from '../../src/source/schemes/bucket/bucket-address.js';
import { type BucketScheme, DIALECTS, isBucketName } from '../../src/source/schemes/bucket/dialects.js';
import { keyOf } from '../../src/source/schemes/bucket/object-key.js';

function addressOf(
  scheme: BucketScheme,
  host: string,
  settings: AddressSettings = {},
  learned?: string,
): BucketAddress {
  return bucketAddress(scheme, DIALECTS[scheme], host, settings, learned);
}

function urlOf(...args: Parameters<typeof addressOf>): string {
  return objectUrl(addressOf(...args), 'k').href;
}

const own = (endpoint: string, rest: AddressSettings = {}): AddressSettings => ({
  endpoint: new URL(endpoint),
  ...rest,
});

test('each store has its endpoint, and the bucket its place in it', (t) => {
  for (const [found, expected] of [
    [urlOf('s3', 'bucket'), 'https://bucket.s3.us-east-1.amazonaws.com/k'],
    [urlOf('s3', 'bucket', { region: 'eu-west-1' }), 'https://bucket.s3.eu-west-1.amazonaws.com/k'],
    [urlOf('s3', 'bucket', { region: 'cn-north-1' }), 'https://bucket.s3.cn-north-1.amazonaws.com.cn/k'],
    [urlOf('s3', 'bucket', {}, 'eu-west-1'), 'https://bucket.s3.eu-west-1.amazonaws.com/k'],
    [urlOf('s3', 'a.b.c'), 'https://s3.us-east-1.amazonaws.com/a.b.c/k'],
    [urlOf('s3', 'Old_Bucket'), 'https://s3.us-east-1.amazonaws.com/Old_Bucket/k'],
    [urlOf('s3', 'bucket', { addressing: 'path' }), 'https://s3.us-east-1.amazonaws.com/bucket/k'],
    [urlOf('s3', 'bucket', own('https://s3.lake.example:9000')), 'https://s3.lake.example:9000/bucket/k'],
    [
      urlOf('s3', 'bucket', own('https://s3.lake.example:9000', { addressing: 'virtual' })),
      'https://bucket.s3.lake.example:9000/k',
    ],
    [urlOf('s3', 'bucket', own('http://127.0.0.1:1'), 'eu-west-1'), 'http://127.0.0.1:1/bucket/k'],
    [urlOf('gs', 'a_b.example.com'), 'https://storage.googleapis.com/a_b.example.com/k'],
    [urlOf('oss', 'bucket', { region: 'cn-hangzhou' }), 'https://bucket.oss-cn-hangzhou.aliyuncs.com/k'],
    [
      urlOf('oss', 'bucket', own('https://oss-cn-hangzhou-internal.aliyuncs.com')),
      'https://bucket.oss-cn-hangzhou-internal.aliyuncs.com/k',
    ],
    [urlOf('oss', 'bucket.oss-cn-hangzhou.aliyuncs.com'), 'https://bucket.oss-cn-hangzhou.aliyuncs.com/k'],
    [
      urlOf('oss', 'bucket', own('https://oss-cn-hangzhou.aliyuncs.com'), 'cn-beijing'),
      'https://bucket.oss-cn-beijing.aliyuncs.com/k',
    ],
    [
      urlOf('oss', 'bucket', { region: 'cn-hangzhou', signature: 's3' }),
      'https://bucket.s3.oss-cn-hangzhou.aliyuncs.com/k',
    ],
    [urlOf('oss', 'bucket', own('http://127.0.0.1:1')), 'http://127.0.0.1:1/bucket/k'],
    [urlOf('obs', 'bucket', { region: 'cn-north-4' }), 'https://bucket.obs.cn-north-4.myhuaweicloud.com/k'],
    [urlOf('cos', 'b-125', { region: 'ap-guangzhou' }), 'https://b-125.cos.ap-guangzhou.myqcloud.com/k'],
    [urlOf('cos', 'b-125.cos.ap-guangzhou.myqcloud.com'), 'https://b-125.cos.ap-guangzhou.myqcloud.com/k'],
  ] as const) {
    t.is(found, expected);
  }
});

test('the region is of the rule, or of the endpoint', (t) => {
  t.is(addressOf('s3', 'b').region, 'us-east-1');
  t.is(addressOf('s3', 'b', own('https://s3.eu-west-1.amazonaws.com')).region, 'eu-west-1');
  t.is(addressOf('oss', 'b', own('https://oss-cn-hangzhou-internal.aliyuncs.com')).region, 'cn-hangzhou');
  t.is(addressOf('oss', 'b.oss-ap-southeast-1.aliyuncs.com').region, 'ap-southeast-1');
  t.is(addressOf('oss', 'b', own('https://files.example')).region, undefined);
  t.is(addressOf('oss', 'b', own('https://files.example', { region: 'cn-x' })).region, 'cn-x');
});

test("without an endpoint a store that needs one says so in Dragonfly's words", (t) => {
  for (const scheme of ['oss', 'obs', 'cos'] as const) {
    const error = t.throws(() => addressOf(scheme, 'bucket'));
    t.like(error, { code: 'NOT_CONFIGURED' });
    t.regex(error?.message ?? '', new RegExp(`^${scheme} need endpoint: ${scheme}://bucket`));
  }
});

test('a key is encoded strictly, and back', (t) => {
  const key = "a b/!'()*+,;=:@$&?#[]%41~é/😀";
  t.is(encodeKey(key), 'a%20b/%21%27%28%29%2A%2B%2C%3B%3D%3A%40%24%26%3F%23%5B%5D%2541~%C3%A9/%F0%9F%98%80');
  const url = objectUrl(addressOf('s3', 'bucket'), encodeKey(key));
  t.is(url.pathname, `/${encodeKey(key)}`);
  t.is(keyOf(new URL(`s3://bucket/${encodeKey(key)}`)), key);
  // The second would be `other/key` at the endpoint.
  for (const path of ['%ff', 'x%2F..%2f..%2Fother%2Fkey', 'a%2Fb'])
    t.throws(() => keyOf(new URL(`s3://bucket/${path}`)), { name: 'NotFoundError' });
  t.is(keyOf(new URL('s3://bucket/a%252Fb')), 'a%2Fb');
});

test('old buckets have capitals and underscores, and none has what ends a name', (t) => {
  for (const name of ['bucket', 'My_Old.Bucket', 'a', 'b-125', 'x--x-s3', '1.2.3'])
    t.true(isBucketName(name), name);
  for (const name of [
    '',
    '.',
    '..',
    '.git',
    'a b',
    'a@b',
    'a:80',
    'a/b',
    '-a',
    'é',
    'a?b',
    'a'.repeat(256),
  ]) {
    t.false(isBucketName(name), name);
  }
});
