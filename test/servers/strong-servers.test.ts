/** The stronger servers, with others' clients: that they start, take what we put, and refuse a wrong secret. */
import { gunzipSync, gzipSync } from 'node:zlib';

import { FAKE_GCS, startFakeGcs } from './fake-gcs.js';
import { runPython } from './python.js';
import { startMoto, startRcloneS3, type StartStrongBuckets, startVersityGw } from './strong-buckets.js';
import { findTool } from './tools.js';
import { testWith } from './with-tool.js';

const SERVERS: readonly (readonly [name: string, tool: string, start: StartStrongBuckets])[] = [
  ['moto', 'python/bin/moto_server', startMoto],
  ['rclone serve s3', 'python/bin/rclone', startRcloneS3],
  ['versitygw', 'versitygw/versitygw', startVersityGw],
];
const KEYS = ['a b+c', 'dir/ü?#', 'dir/x', '漢字'];

for (const [name, tool, start] of SERVERS) {
  testWith(tool, `${name} serves boto3, and refuses a wrong secret`, async (t, program) => {
    const python = findTool('python/bin/python');
    if ('missing' in python) {
      t.log(`not read by boto3: ${python.missing}`);
      t.pass();
      return;
    }
    const server = await start(t, program);
    await server.createBucket('bucket');
    for (const key of KEYS) await server.put('bucket', key, `content of ${key}`);
    const found = await runPython(
      python.path,
      `
import boto3, botocore, json, os
from botocore.config import Config
def client(secret):
    return boto3.client('s3', endpoint_url=os.environ['ENDPOINT'], aws_access_key_id=os.environ['ID'], aws_secret_access_key=secret,
                        region_name='us-east-1', config=Config(s3={'addressing_style': 'path'}))
s3 = client(os.environ['SECRET'])
names = [entry['Key'] for page in s3.get_paginator('list_objects_v2').paginate(Bucket='bucket') for entry in page['Contents']]
def code(call):
    try:
        call(); return 'none'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
print(json.dumps({
  'contents': {name: s3.get_object(Bucket='bucket', Key=name)['Body'].read().decode() for name in names},
  'wrong': code(lambda: client('wrong').get_object(Bucket='bucket', Key='dir/x')),
}))`,
      { ENDPOINT: server.endpoint, ID: server.accessKeyId, SECRET: server.accessKeySecret },
    );
    t.deepEqual(found, {
      contents: Object.fromEntries(KEYS.map((key) => [key, `content of ${key}`])),
      wrong: 'SignatureDoesNotMatch',
    });
  });
}

testWith(FAKE_GCS, 'fake-gcs-server serves the XML API', async (t, program) => {
  const server = await startFakeGcs(t, program);
  await server.createBucket('bucket');
  for (const key of KEYS) await server.put('bucket', key, `content of ${key}`);
  const url = `${server.endpoint}/bucket/dir%2Fx`;
  const response = await fetch(url, { headers: { range: 'bytes=3-6' } });
  t.is(response.status, 206);
  t.is(await response.text(), 'tent');
  t.truthy(response.headers.get('x-goog-hash'));
  const listing = await (await fetch(`${server.endpoint}/bucket?list-type=2&delimiter=/`)).text();
  t.regex(listing, /<Key>a b\+c<\/Key>/);
  await server.put('bucket', 'z', gzipSync('zipped'), 'gzip');
  const stored = await fetch(`${server.endpoint}/bucket/z`, { headers: { 'accept-encoding': 'gzip' } });
  const bytes = Buffer.from(await stored.arrayBuffer());
  t.is((bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString(), 'zipped');
});
