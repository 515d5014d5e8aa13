/** Servers of buckets that others wrote, and that check signatures. For `npm run test:servers`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { ExecutionContext } from 'ava';

import { freePort } from '../support/port.js';
import { temporaryDirectory } from '../support/temp.js';
import { encodeStrictly, sigV4 } from './bucket/signatures.js';
import { startServerProcess } from './server-process.js';

export interface StrongBuckets {
  /** Of path style. */
  readonly endpoint: string;
  readonly host: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  createBucket(bucket: string): Promise<void>;
  put(bucket: string, key: string, content: Uint8Array | string): Promise<void>;
}

export type StartStrongBuckets = (t: ExecutionContext, program: string) => Promise<StrongBuckets>;

const REGION = 'us-east-1';
const [ID, SECRET] = ['AKIDTEST', 'secret+of/the+test'];

/** `rclone serve s3`, over a directory. */
export const startRcloneS3: StartStrongBuckets = async (t, program) => {
  const [port, root] = [await freePort(), await temporaryDirectory(t)];
  const address = ['--addr', `127.0.0.1:${port}`, '--auth-key', `${ID},${SECRET}`];
  const cache = ['--cache-dir', join(root, 'cache')];
  await mkdir(join(root, 'data'));
  await startServerProcess(t, port, [
    program,
    '--config=',
    'serve',
    's3',
    ...address,
    ...cache,
    join(root, 'data'),
  ]);
  return strongBuckets(port, ID, SECRET);
};

/** Versity's gateway, over a directory. */
export const startVersityGw: StartStrongBuckets = async (t, program) => {
  const [port, root] = [await freePort(), await temporaryDirectory(t)];
  await startServerProcess(
    t,
    port,
    [
      program,
      '--access',
      ID,
      '--secret',
      SECRET,
      '--region',
      REGION,
      '--port',
      `127.0.0.1:${port}`,
      'posix',
      root,
    ],
    { HOME: root },
  );
  return strongBuckets(port, ID, SECRET);
};

const ALLOW_ALL = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
});

/** moto, which knows its users, their keys and their rights. */
export const startMoto: StartStrongBuckets = async (t, program) => {
  const port = await freePort();
  await startServerProcess(t, port, [program, '-H', '127.0.0.1', '-p', String(port)], {
    INITIAL_NO_AUTH_ACTION_COUNT: '1000000',
  });
  const origin = `http://127.0.0.1:${port}`;
  const iam = async (parameters: Record<string, string>): Promise<string> => {
    const scope = '20260101/us-east-1/iam/aws4_request';
    const response = await fetch(origin, {
      method: 'POST',
      headers: {
        authorization: `AWS4-HMAC-SHA256 Credential=none/${scope}, SignedHeaders=host, Signature=0`,
      },
      body: new URLSearchParams({ Version: '2010-05-08', ...parameters }),
    });
    return await response.text();
  };
  await iam({ Action: 'CreateUser', UserName: 'ada' });
  await iam({
    Action: 'PutUserPolicy',
    UserName: 'ada',
    PolicyName: 'all',
    PolicyDocument: ALLOW_ALL,
  });
  const key = await iam({ Action: 'CreateAccessKey', UserName: 'ada' });
  const element = (name: string): string => new RegExp(`<${name}>(.*?)</${name}>`).exec(key)?.[1] ?? '';
  await fetch(`${origin}/moto-api/reset-auth`, { method: 'POST', body: '0' });
  return strongBuckets(port, element('AccessKeyId'), element('SecretAccessKey'));
};

function strongBuckets(port: number, accessKeyId: string, accessKeySecret: string): StrongBuckets {
  const host = `127.0.0.1:${port}`;
  const send = async (
    bucket: string,
    key: string,
    content: Uint8Array | string,
    triesLeft = 2,
  ): Promise<void> => {
    const rawPath = `/${bucket}${key === '' ? '' : `/${encodeStrictly(key)}`}`;
    const date = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
    const scope = `${date.slice(0, 8)}/${REGION}/s3/aws4_request`;
    const signed = { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'x-amz-date': date };
    const names = Object.keys(signed).join(';');
    const request = { method: 'PUT', rawPath, query: [], header: signed, bucket, key, isPathStyle: true };
    const signature = sigV4(request, {
      kind: 'AWS4',
      prefix: 'x-amz-',
      date,
      scope,
      names,
      secret: accessKeySecret,
    });
    const { host: _, ...header } = signed;
    const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    const response = await fetch(`http://${host}${rawPath}`, {
      method: 'PUT',
      headers: { ...header, authorization },
      body: Buffer.from(content),
    });
    const text = await response.text();
    if (response.ok) return;
    // `rclone serve s3` answers so where two uploads make the same directory.
    if (response.status < 500 || triesLeft === 0)
      throw new Error(`PUT ${rawPath}: ${response.status} ${text}`);
    await send(bucket, key, content, triesLeft - 1);
  };
  return {
    endpoint: `http://${host}`,
    host,
    region: REGION,
    accessKeyId,
    accessKeySecret,
    createBucket: (bucket) => send(bucket, '', ''),
    put: (bucket, key, content) => send(bucket, key, content),
  };
}
