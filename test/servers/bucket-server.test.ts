/** Our server of buckets, as the clients of others see it. */
import { execFile } from 'node:child_process';
import { Agent, get as httpGet } from 'node:http';
import type { LookupFunction } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

import test from 'ava';

import { oracleTest } from '../oracles/oracle.js';
import { type RunningBucketServer, startBucketServer } from './bucket/bucket-server.js';
import { runPython } from './python.js';
import { testWith } from './with-tool.js';

const ODD_KEYS = ['a b+c%20d', 'dir/ü?#&=', 'quotes\'"<>', 'dir/x', '漢字', 'c\u0001', 'dir//y', 'z '];

const CLIENT = `
import boto3, botocore, json, os
from botocore.config import Config
def client(secret=os.environ['SECRET'], **more):
    config = Config(s3={'addressing_style': os.environ.get('STYLE', 'path')}, retries={'max_attempts': 1}, **more.pop('config', {}))
    return boto3.client('s3', endpoint_url=os.environ['ENDPOINT'], aws_access_key_id='AKIDTEST', aws_secret_access_key=secret,
                        **{'region_name': 'us-east-1', 'config': config, **more})
def code(call):
    try:
        call(); return 'none'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
`;

function environmentOf(server: RunningBucketServer): Record<string, string> {
  return { ENDPOINT: server.origin, SECRET: server.accessKeySecret };
}

testWith('python/bin/python', 'boto3 reads, lists in pages, and gets refusals', async (t, python) => {
  const server = await startBucketServer(t, 's3');
  for (const key of ODD_KEYS) server.put('bucket', key, `content of ${key}`);
  for (let index = 0; index < 2500; index += 1) server.put('bucket', `many/${index}`, '');
  server.put('bucket', 'cold', 'x', { isArchived: true });
  server.bucket('far', { region: 'eu-west-1' });
  server.bucket('malformed', { region: 'eu-west-1', regionNews: 'AuthorizationHeaderMalformed' });
  const found = await runPython(
    python,
    `${CLIENT}
s3 = client()
pages = list(s3.get_paginator('list_objects_v2').paginate(Bucket='bucket', Delimiter='/'))
many = list(s3.get_paginator('list_objects_v2').paginate(Bucket='bucket', Prefix='many/', Delimiter='/'))
old = list(s3.get_paginator('list_objects').paginate(Bucket='bucket', Prefix='many/'))
get = lambda **args: s3.get_object(**{'Bucket': 'bucket', 'Key': 'dir/x', **args})
etag = get()['ETag']
print(json.dumps({
  'names': [entry['Key'] for page in pages for entry in page.get('Contents', [])],
  'prefixes': [entry['Prefix'] for page in pages for entry in page.get('CommonPrefixes', [])],
  'contents': {entry['Key']: s3.get_object(Bucket='bucket', Key=entry['Key'])['Body'].read().decode() for entry in pages[0]['Contents'] if entry['Key'] != 'cold'},
  'many': [len(many), len({entry['Key'] for page in many for entry in page['Contents']})],
  'old': [len(old), len({entry['Key'] for page in old for entry in page['Contents']})],
  'range': get(Range='bytes=3-6', IfMatch=etag)['Body'].read().decode(),
  'codes': [code(lambda: get(IfMatch='"other"')), code(lambda: get(Key='none')), code(lambda: get(Key='cold')), code(lambda: get(Bucket='none')),
            code(lambda: client(secret='wrong').get_object(Bucket='bucket', Key='dir/x')),
            code(lambda: client(aws_session_token='x').get_object(Bucket='bucket', Key='dir/x'))],
  'regions': [s3.list_objects_v2(Bucket='far')['Name'], s3.list_objects_v2(Bucket='malformed')['Name']],
}))`,
    environmentOf(server),
  );
  const top = ODD_KEYS.filter((key) => !key.startsWith('dir/'));
  t.deepEqual(found, {
    names: [...top, 'cold'].toSorted(),
    prefixes: ['dir/', 'many/'],
    contents: Object.fromEntries(top.toSorted().map((key) => [key, `content of ${key}`])),
    many: [3, 2500],
    old: [3, 2500],
    range: 'tent',
    codes: [
      'PreconditionFailed',
      'NoSuchKey',
      'InvalidObjectState',
      'NoSuchBucket',
      'SignatureDoesNotMatch',
      'InvalidToken',
    ],
    regions: ['far', 'malformed'],
  });
});

testWith(
  'python/bin/python',
  'boto3 reads by virtual hosts through the server as a proxy',
  async (t, python) => {
    const server = await startBucketServer(t, 's3');
    server.put('bucket', 'a key', 'content');
    const proxied = await runPython(
      python,
      `${CLIENT}
s3 = client(config={'proxies': {'http': '${server.origin}'}})
print(json.dumps({'content': s3.get_object(Bucket='bucket', Key='a key')['Body'].read().decode()}))`,
      {
        ...environmentOf(server),
        ENDPOINT: 'http://s3.us-east-1.amazonaws.com',
        STYLE: 'virtual',
        NO_PROXY: '',
      },
    );
    t.deepEqual(proxied, { content: 'content' });
    t.regex(server.log[0]?.uri ?? '', /^http:\/\/bucket\.s3\./);
  },
);

testWith('python/bin/rclone', 'rclone lists and reads, also without encoded names', async (t, rclone) => {
  const server = await startBucketServer(t, 's3');
  const keys = ODD_KEYS.filter((key) => !key.includes('//') && !key.includes('\u0001'));
  for (const key of keys) server.put('bucket', key, `content of ${key}`);
  for (const listVersion of [1, 2] as const) {
    server.listVersion = listVersion;
    server.canUrlEncode = listVersion === 2;
    const options = `:s3,provider=Other,access_key_id=${server.accessKeyId},secret_access_key='${server.accessKeySecret}',endpoint='${server.origin}',list_version=${listVersion},list_url_encode=${server.canUrlEncode}:bucket`;
    const { stdout } = await promisify(execFile)(rclone, [
      '--config=',
      'hashsum',
      'md5',
      '--download',
      options,
    ]);
    const names = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.slice(34));
    t.deepEqual(names.toSorted(), keys.toSorted(), `list version ${listVersion}`);
  }
});

const loopback: LookupFunction = (_host, options, found) => {
  if (options.all === true) found(null, [{ address: '127.0.0.1', family: 4 }]);
  else found(null, '127.0.0.1', 4);
};

interface OssClient {
  get(key: string): Promise<{ content: Buffer }>;
  listV2(query: object): Promise<{ objects: { name: string }[]; isTruncated: boolean }>;
}

oracleTest('ali-oss reads and lists', ['ali-oss'], async (t, load) => {
  const Oss = load('ali-oss') as new (options: object) => OssClient;
  const server = await startBucketServer(t, 'oss');
  server.bucket('bucket', { region: 'cn-hangzhou' });
  for (const key of ODD_KEYS) server.put('bucket', key, `content of ${key}`);
  const options = {
    bucket: 'bucket',
    accessKeyId: server.accessKeyId,
    accessKeySecret: server.accessKeySecret,
    region: 'oss-cn-hangzhou',
    endpoint: `http://bucket.oss-cn-hangzhou.aliyuncs.com:${server.port}`,
    cname: true,
    authorizationV4: true,
    agent: new Agent({ lookup: loopback }),
  };
  const client = new Oss(options);
  for (const key of ['a b+c%20d', 'dir/ü?#&=', '漢字']) {
    t.is((await client.get(key)).content.toString(), `content of ${key}`);
  }
  const { objects } = await client.listV2({ prefix: 'dir/', 'max-keys': '10' });
  t.deepEqual(
    objects.map(({ name }) => name),
    ODD_KEYS.filter((key) => key.startsWith('dir/')).toSorted(),
  );
  const wrong = new Oss({ ...options, accessKeySecret: 'wrong' });
  await t.throwsAsync(wrong.get('dir/x'), { name: 'SignatureDoesNotMatchError' });
});

type Call<Answer> = (parameters: object, callback: (error: unknown, answer: Answer) => void) => void;

async function called<Answer>(client: object, name: string, parameters: object): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const method = (client as Record<string, Call<Answer>>)[name];
    method?.call(client, parameters, (error, answer) => {
      if (error === null || error === undefined) resolve(answer);
      else reject(Object.assign(new Error('refused'), { answer: error }));
    });
  });
}

oracleTest('cos-nodejs-sdk-v5 reads and lists', ['cos-nodejs-sdk-v5'], async (t, load) => {
  const Cos = load('cos-nodejs-sdk-v5') as new (options: object) => object;
  const server = await startBucketServer(t, 'cos');
  for (const key of ODD_KEYS) server.put('bucket-125', key, `content of ${key}`);
  server.pageSize = 3;
  const options = {
    SecretId: server.accessKeyId,
    SecretKey: server.accessKeySecret,
    Protocol: 'http:',
    Domain: `{Bucket}.cos.{Region}.myqcloud.com`,
    Proxy: server.origin,
  };
  const where = { Bucket: 'bucket-125', Region: 'ap-beijing' };
  const client = new Cos(options);
  for (const Key of ODD_KEYS.filter((key) => !key.includes('//') && !key.includes('\u0001'))) {
    const { Body } = await called<{ Body: Buffer }>(client, 'getObject', { ...where, Key });
    t.is(Body.toString(), `content of ${Key}`);
  }
  const page = await called<{ Contents: { Key: string }[]; IsTruncated: string; NextMarker: string }>(
    client,
    'getBucket',
    { ...where, Delimiter: '/', EncodingType: 'url' },
  );
  t.is(page.IsTruncated, 'true');
  t.deepEqual(
    page.Contents.map(({ Key }) => decodeURIComponent(Key)),
    ['a+b+c%20d', 'c\u0001'],
  );
  t.is(page.NextMarker, 'dir/');
  await t.throwsAsync(called(new Cos({ ...options, SecretKey: 'wrong' }), 'getBucket', where));
});

interface ObsPage {
  readonly CommonMsg: { readonly Status: number };
  readonly InterfaceResult: { readonly Contents: { readonly Key: string }[]; readonly NextMarker?: string };
}

oracleTest('esdk-obs-nodejs lists in pages', ['esdk-obs-nodejs'], async (t, load) => {
  const Obs = load('esdk-obs-nodejs') as new (options: object) => { close(): void };
  const server = await startBucketServer(t, 'obs');
  for (const key of ODD_KEYS.filter((each) => !each.includes('\u0001'))) server.put('bucket', key, '');
  server.pageSize = 3;
  const client = new Obs({
    access_key_id: server.accessKeyId,
    secret_access_key: server.accessKeySecret,
    server: `http://localhost:${server.port}`,
    http_agent: new Agent({ lookup: loopback }),
    signature: 'obs',
    is_signature_negotiation: false,
    max_retry_count: 0,
  });
  // The SDK's constructor is asynchronous, and offers nothing to wait for.
  await nextTurn();
  const names: string[] = [];
  for (let marker: string | undefined = ''; marker !== undefined;) {
    const query: object = { Bucket: 'bucket', Marker: marker, Delimiter: '/' };
    const { CommonMsg, InterfaceResult } = await called<ObsPage>(client, 'listObjects', query);
    t.is(CommonMsg.Status, 200);
    names.push(...InterfaceResult.Contents.map(({ Key }) => Key));
    marker = InterfaceResult.NextMarker === '' ? undefined : InterfaceResult.NextMarker;
  }
  client.close();
  t.deepEqual(names, ODD_KEYS.filter((key) => !key.startsWith('dir/') && !key.includes('\u0001')).toSorted());
});

test('gs: a bearer token opens, and gzip is decompressed for whom it is foreign', async (t) => {
  const server = await startBucketServer(t, 'gs');
  const stored = gzipSync('content');
  server.put('bucket', 'key', stored, { contentEncoding: 'gzip' });
  const get = async (header: Record<string, string>): Promise<[number, number]> =>
    await new Promise((resolve, reject) => {
      const authorization = `Bearer ${server.bearer}`;
      const request = httpGet(
        `${server.origin}/bucket/key`,
        { headers: { authorization, ...header } },
        (response) => {
          let bytes = 0;
          response.on('data', (chunk: Buffer) => (bytes += chunk.byteLength));
          response.on('end', () => resolve([response.statusCode ?? 0, bytes]));
        },
      );
      request.on('error', reject);
    });
  t.deepEqual(await get({ 'accept-encoding': 'gzip' }), [200, stored.byteLength]);
  t.deepEqual(await get({ 'accept-encoding': 'gzip', range: 'bytes=2-5' }), [206, 4]);
  t.deepEqual(await get({ range: 'bytes=2-5' }), [200, 'content'.length]);
  t.is((await get({ authorization: 'Bearer old' }))[0], 401);
});

test('an unsigned request is refused, and served by a public bucket', async (t) => {
  const server = await startBucketServer(t, 's3');
  server.put('bucket', 'key', 'content');
  t.is((await fetch(`${server.origin}/bucket/key`)).status, 403);
  server.bucket('bucket', { isPublic: true });
  t.is(await (await fetch(`${server.origin}/bucket/key`)).text(), 'content');
});
