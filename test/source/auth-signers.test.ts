/** The vectors that the vendors publish. Their SDKs judge random requests in test/oracles. */

import test from 'ava';

import { sasUrl, withSas } from '../../src/source/auth/azure-sas.js';
import { azureSharedKey } from '../../src/source/auth/azure-shared-key.js';
import { encodeKey, encodeStrict, hmac, queryPairs } from '../../src/source/auth/canonical.js';
import { cos, cosAuthorization, cosUrl } from '../../src/source/auth/cos.js';
import { obs } from '../../src/source/auth/obs.js';
import { ossV1 } from '../../src/source/auth/oss-v1.js';
import { ossV4 } from '../../src/source/auth/oss-v4.js';
import { Secret } from '../../src/source/auth/secret.js';
import { sigV4, sigV4Url } from '../../src/source/auth/sigv4.js';

const AWS_KEY = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  accessKeySecret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
};
const AWS_BUCKET = 'https://examplebucket.s3.amazonaws.com';

// AWS, "Authenticating Requests: Using the Authorization Header".
const AWS_VECTORS = [
  {
    path: '/test.txt',
    range: 'bytes=0-9',
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  { path: '/?lifecycle', signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543' },
  {
    path: '/?max-keys=2&prefix=J',
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
];

test('SigV4 is that of AWS', async (t) => {
  const sign = sigV4({ region: 'us-east-1' });
  for (const { path, range, signature } of AWS_VECTORS) {
    const header = range === undefined ? { accept: '*/*' } : { range, 'accept-encoding': 'gzip' };
    const signed = sign(
      { method: 'GET', url: new URL(AWS_BUCKET + path), header },
      AWS_KEY,
      Date.UTC(2013, 4, 24),
    );
    const names = `host;${range === undefined ? '' : 'range;'}x-amz-content-sha256;x-amz-date`;
    t.is(
      signed['authorization'],
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
    );
    t.is(signed['x-amz-date'], '20130524T000000Z');
  }
});

test('a SigV4 signer takes another key, another day and a session token', async (t) => {
  const sign = sigV4({ region: 'us-east-1', payload: 'unsigned' });
  const request = { method: 'GET', url: new URL(`${AWS_BUCKET}/test.txt`), header: {} };
  const other = { ...AWS_KEY, accessKeySecret: 'other', sessionToken: 'token' };
  const days = [Date.UTC(2013, 4, 24), Date.UTC(2013, 4, 25)];
  const signatures = new Set<string | undefined>();
  for (const key of [AWS_KEY, other, AWS_KEY]) {
    for (const day of days) {
      const signed = sign(request, key, day);
      const fresh = sigV4({ region: 'us-east-1', payload: 'unsigned' })(request, key, day);
      t.deepEqual(signed, fresh);
      signatures.add(signed['authorization']);
      t.is(signed['x-amz-security-token'], key === other ? 'token' : undefined);
      t.is(signed['x-amz-content-sha256'], 'UNSIGNED-PAYLOAD');
    }
  }
  t.is(signatures.size, 4);
  const withToken = sign(request, other, days[0] ?? 0)['authorization'] ?? '';
  t.regex(withToken, /SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token,/);
});

test('OSS V4 is that of Alibaba', async (t) => {
  // TestV4AuthHeader, TestV4AuthHeaderToken of alibabacloud-oss-go-sdk-v2.
  const vectors = [
    {
      seconds: 1_702_743_657,
      day: '20231216',
      signature: 'e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe',
    },
    {
      seconds: 1_702_784_856,
      day: '20231217',
      sessionToken: 'token',
      signature: 'b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea',
    },
  ];
  const query = '%2Bparam1=value3&%2Bparam2=&%7Cparam1=value4&%7Cparam2=&param1=value1&param2=';
  const url = new URL(
    `https://bucket.oss-cn-hangzhou.aliyuncs.com/${encodeKey('1234+-/123/1.txt')}?${query}`,
  );
  const header = {
    'x-oss-head1': 'value',
    abc: 'value',
    zabc: 'value',
    xyz: 'value',
    'content-type': 'text/plain',
  };
  const sign = ossV4({ region: 'cn-hangzhou', bucket: 'bucket' });
  for (const { seconds, day, signature, ...token } of vectors) {
    const key = { accessKeyId: 'ak', accessKeySecret: 'sk', ...token };
    const signed = sign({ method: 'PUT', url, header }, key, seconds * 1000);
    t.is(
      signed['authorization'],
      `OSS4-HMAC-SHA256 Credential=ak/${day}/cn-hangzhou/oss/aliyun_v4_request,Signature=${signature}`,
    );
    t.is(signed['x-oss-security-token'], key.sessionToken);
  }
});

test('OSS V1 is that of Alibaba', async (t) => {
  // "Include a V1 signature in the Authorization header".
  const header = {
    'content-md5': 'ODBGOERFMDMzQTczRUY3NUE3NzA5QzdFNUYzMDQxNEM=',
    'content-type': 'text/html',
    'x-oss-meta-author': 'foo@bar.com',
    'x-oss-magic': 'abracadabra',
  };
  const key = {
    accessKeyId: '44CF9590006BF252F707',
    accessKeySecret: 'OtxrzxIsfpFjA7SwPzILwy8Bw21TLhquhboDYROV',
  };
  const nowMs = Date.UTC(2005, 10, 17, 18, 49, 58);
  const sign = ossV1({ bucket: 'oss-example' });
  const url = new URL('https://oss-example.oss-cn-hangzhou.aliyuncs.com/nelson');
  const signed = sign({ method: 'PUT', url, header }, key, nowMs);
  t.deepEqual(signed, {
    date: 'Thu, 17 Nov 2005 18:49:58 GMT',
    authorization: 'OSS 44CF9590006BF252F707:26NBxoKdsyly4EDv6inkoDft/yA=',
  });
});

test('COS is that of Tencent', async (t) => {
  // "Request Signature", the examples of an upload and a download.
  const key = {
    accessKeyId: 'AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q',
    accessKeySecret: 'BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz',
  };
  const host = 'examplebucket-1250000000.cos.ap-beijing.myqcloud.com';
  const object = `https://${host}/${encodeKey('exampleobject(腾讯云)')}`;
  const upload = cosAuthorization(
    {
      method: 'PUT',
      url: new URL(object),
      header: {
        date: 'Thu, 16 May 2019 06:45:51 GMT',
        host,
        'content-type': 'text/plain',
        'content-length': '13',
        'content-md5': 'mQ/fVh815F3k6TAUm8m0eg==',
        'x-cos-acl': 'private',
        'x-cos-grant-read': 'uin="100000000011"',
      },
    },
    key,
    '1557989151;1557996351',
  );
  t.is(
    upload,
    'q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989151;1557996351&q-key-time=1557989151;1557996351&q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read&q-url-param-list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172',
  );
  const url = new URL(
    `${object}?response-content-type=application%2Foctet-stream&response-cache-control=max-age%3D600`,
  );
  const download = { method: 'GET', url, header: { date: 'Thu, 16 May 2019 06:55:53 GMT', host } };
  t.is(
    cosAuthorization(download, key, '1557989753;1557996953'),
    'q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989753;1557996953&q-key-time=1557989753;1557996953&q-header-list=date;host&q-url-param-list=response-cache-control;response-content-type&q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012',
  );
  const signed = cos()(download, { ...key, sessionToken: 'token' }, 1_557_989_753_400);
  t.is(
    signed['authorization'],
    cosAuthorization({ ...download, header: { host } }, key, '1557989693;1557990653'),
  );
  t.is(signed['x-cos-security-token'], 'token');
});

test('OBS signs the string that Huawei describes', async (t) => {
  const key = { accessKeyId: 'AK', accessKeySecret: 'SK', sessionToken: 'token' };
  const url = new URL(
    'https://bucket.obs.cn-north-4.myhuaweicloud.com/object.txt?versionId=v%2F1&prefix=p&acl',
  );
  const signed = obs({ bucket: 'bucket' })(
    { method: 'GET', url, header: { range: 'bytes=0-1', 'x-obs-b': ' 2 ', 'x-obs-a': '1' } },
    key,
    Date.UTC(2015, 9, 12, 8, 12, 38),
  );
  const text =
    'GET\n\n\nMon, 12 Oct 2015 08:12:38 GMT\nx-obs-a:1\nx-obs-b:2\nx-obs-security-token:token\n/bucket/object.txt?acl&versionId=v/1';
  t.deepEqual(signed, {
    date: 'Mon, 12 Oct 2015 08:12:38 GMT',
    'x-obs-security-token': 'token',
    authorization: `OBS AK:${hmac('sha1', 'SK', text).toString('base64')}`,
  });
});

test('Shared Key signs the string that Azure describes', async (t) => {
  // "Authorize with Shared Key"; the key of that example is not published.
  const accessKeySecret = Buffer.from('key').toString('base64');
  const url = new URL(
    'https://myaccount.blob.core.windows.net/mycontainer?restype=container&comp=metadata&timeout=20',
  );
  const header = { 'x-ms-version': '2015-02-21', range: 'bytes=0-9', 'if-match': '"0x8"' };
  const signed = azureSharedKey()(
    { method: 'GET', url, header },
    { accessKeyId: 'myaccount', accessKeySecret },
    Date.UTC(2015, 5, 26, 23, 39, 12),
  );
  const text =
    'GET\n\n\n\n\n\n\n\n"0x8"\n\n\nbytes=0-9\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n/myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20';
  t.deepEqual(signed, {
    'x-ms-date': 'Fri, 26 Jun 2015 23:39:12 GMT',
    authorization: `SharedKey myaccount:${hmac('sha256', Buffer.from('key'), text).toString('base64')}`,
  });
});

test('a shared access signature is appended to the query', (t) => {
  const sas = new Secret('?sv=2021-12-02&sig=a%2Bb%3D');
  const plain = new URL('https://a.blob.core.windows.net/c/b%20c');
  t.is(withSas(plain, sas).href, `${plain.href}?sv=2021-12-02&sig=a%2Bb%3D`);
  t.is(withSas(new URL('?comp=list', plain), sas).search, '?comp=list&sv=2021-12-02&sig=a%2Bb%3D');
  t.is(plain.search, '');
});

test('keys are encoded strictly, and queries are read as stores read them', (t) => {
  t.is(encodeStrict("a /!'()*~-._+ü"), 'a%20%2F%21%27%28%29%2A~-._%2B%C3%BC');
  t.is(encodeKey('a//b c/ü'), 'a//b%20c/%C3%BC');
  t.is(new URL(`https://h/${encodeKey("!'()*+,;=:@$&")}`).pathname, `/${encodeStrict("!'()*+,;=:@$&")}`);
  t.deepEqual(queryPairs(new URL('https://h/?a=1&b&c=&d=x=y&&e=%20+%zz')), [
    ['a', '1'],
    ['b', undefined],
    ['c', ''],
    ['d', 'x=y'],
    ['e', '%20 %zz'],
  ]);
});

// AWS, "Authenticating Requests: Using Query Parameters".
test('a URL is signed by SigV4 as AWS signs it', (t) => {
  const url = sigV4Url({ region: 'us-east-1', validSeconds: 86_400 })(
    new URL(`${AWS_BUCKET}/test.txt`),
    AWS_KEY,
    Date.UTC(2013, 4, 24),
  );
  t.is(
    url.searchParams.get('X-Amz-Signature'),
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

// As @azure/storage-blob makes it.
test('a URL of a blob is signed with the key of its account', (t) => {
  const key = { accessKeyId: 'account', accessKeySecret: 'c2VjcmV0' };
  const url = new URL('https://account.blob.core.windows.net/c/a%20b');
  t.deepEqual(
    Object.fromEntries(sasUrl(url, 'c/a%20b', key, Date.UTC(2026, 10, 28, 21, 9, 5)).searchParams),
    {
      sv: '2021-12-02',
      se: '2026-11-28T22:09:05Z',
      sr: 'b',
      sp: 'r',
      sig: '4jNnToGE47NHreOAMsLR9V+alAXcJoKonjDKu5Sdeb8=',
    },
  );
});

test('a URL of COS has what its header would have, and the token behind it', (t) => {
  const key = { accessKeyId: 'id', accessKeySecret: 'secret', sessionToken: 'to/ken' };
  const given = new URL('https://b-1.cos.eu.myqcloud.com/a%20b?versionId=1%2B');
  const {
    'x-cos-security-token': token,
    versionId,
    ...signed
  } = Object.fromEntries(cosUrl()(given, key, 1_000_000_000).searchParams);
  t.deepEqual([token, versionId], ['to/ken', '1+']);
  const header = { host: 'b-1.cos.eu.myqcloud.com' };
  const expected = cosAuthorization({ method: 'GET', url: given, header }, key, '999940;1003600');
  t.is(
    Object.entries(signed)
      .map(([name, value]) => `${name}=${value}`)
      .join('&'),
    expected,
  );
});
