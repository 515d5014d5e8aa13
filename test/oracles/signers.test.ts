/** Random requests, signed by us and by the vendors' own SDKs. A failure names the seed. */

import { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { sigV4, sigV4Url } from '../../src/source/auth/sigv4.js';
import { sasUrl } from '../../src/source/auth/azure-sas.js';
import { azureSharedKey } from '../../src/source/auth/azure-shared-key.js';
import { compactTime } from '../../src/source/auth/canonical.js';
import { cosAuthorization } from '../../src/source/auth/cos.js';
import { obs, obsUrl } from '../../src/source/auth/obs.js';
import { ossV1, ossV1Url } from '../../src/source/auth/oss-v1.js';
import { ossV4, ossV4Url } from '../../src/source/auth/oss-v4.js';
import { Random } from '../support/random.js';
import { oracleTest } from './oracle.js';
import { randomRequest } from './random-request.js';
import { startRecordingServer } from './recording-server.js';

const SEED = Number(process.env['ORACLE_SEED'] ?? Date.now() % 1_000_000);
const REQUESTS = 300;
const NOW_MS = Date.UTC(2026, 10, 28, 21, 9, 5);
const KEY = { accessKeyId: 'ID', accessKeySecret: 'secret/+=', sessionToken: 'to/ken+' };

interface Smithy {
  SignatureV4: new (options: object) => {
    sign(request: object, options: object): Promise<{ headers: Record<string, string> }>;
    presign(request: object, options: object): Promise<{ query: Record<string, string> }>;
  };
}

oracleTest('SigV4 is that of @smithy/signature-v4', ['@smithy/signature-v4'], async (t, load) => {
  const { SignatureV4 } = load('@smithy/signature-v4') as Smithy;
  const { Sha256Node } = load('@smithy/core/checksum') as { Sha256Node: unknown };
  const random = new Random(SEED);
  const ours = sigV4({ region: 'eu-west-1' });
  const oracle = new SignatureV4({
    credentials: {
      accessKeyId: KEY.accessKeyId,
      secretAccessKey: KEY.accessKeySecret,
      sessionToken: KEY.sessionToken,
    },
    region: 'eu-west-1',
    service: 's3',
    sha256: Sha256Node,
    uriEscapePath: false,
  });
  for (let count = 0; count < REQUESTS; count += 1) {
    const { path, query, search } = randomRequest(
      random,
      ['versionId', 'x-id', 'acl'],
      ['list-type', 'prefix', 'delimiter', 'continuation-token', 'Z', 'a_b', 'a-b'],
    );
    const host = random.pick(['b.s3.eu-west-1.amazonaws.com', 'localhost:9000']);
    const header = { range: 'bytes=0-9', 'if-match': '"x  y"', 'x-amz-request-payer': 'requester' };
    const url = new URL(`https://${host}${path}${search}`);
    const { authorization } = ours({ method: 'GET', url, header: { ...header, accept: '*/*' } }, KEY, NOW_MS);
    const request = {
      method: 'GET',
      protocol: 'https:',
      hostname: url.hostname,
      path,
      query,
      headers: { host, ...header },
    };
    const signed = await oracle.sign(request, { signingDate: new Date(NOW_MS) });
    t.is(authorization, signed.headers['authorization'], `seed ${SEED}: ${url.href}`);
  }
});

interface OssSignatures {
  authorizationV4(
    id: string,
    secret: string,
    region: string,
    method: string,
    request: object,
    bucket: string,
    key: string,
  ): string;
  authorization(id: string, secret: string, text: string): string;
  buildCanonicalString(method: string, resource: string, request: object, date: string): string;
}

oracleTest('OSS V4 and V1 are those of ali-oss', ['ali-oss'], async (t, load) => {
  const oracle = load('ali-oss/lib/common/signUtils.js') as OssSignatures;
  const random = new Random(SEED);
  const v4 = ossV4({ region: 'cn-hangzhou', bucket: 'my-bucket' });
  const v1 = ossV1({ bucket: 'my-bucket' });
  for (let count = 0; count < REQUESTS; count += 1) {
    const { key, path, query, search } = randomRequest(
      random,
      ['versionId', 'x-oss-process'],
      ['list-type', 'prefix', 'delimiter', 'continuation-token'],
    );
    const url = new URL(`https://my-bucket.oss-cn-hangzhou.aliyuncs.com${path}${search}`);
    const header = { range: 'bytes=0-9', 'x-oss-request-payer': 'requester' };
    const request = { method: 'GET', url, header };
    const token = { 'x-oss-security-token': KEY.sessionToken };

    const signed = v4(request, KEY, NOW_MS);
    const date = { 'x-oss-date': compactTime(NOW_MS), 'x-oss-content-sha256': 'UNSIGNED-PAYLOAD' };
    const expected = oracle.authorizationV4(
      KEY.accessKeyId,
      KEY.accessKeySecret,
      'cn-hangzhou',
      'GET',
      { headers: { ...header, ...date, ...token }, queries: query },
      'my-bucket',
      key,
    );
    t.is(signed['authorization'], expected, `seed ${SEED}: ${url.href}`);

    const signedV1 = v1(request, KEY, NOW_MS);
    // Of the list parameters, ali-oss signs this one.
    const parameters = Object.fromEntries(
      Object.entries(query).filter(([name]) => !['list-type', 'prefix', 'delimiter'].includes(name)),
    );
    const text = oracle.buildCanonicalString(
      'GET',
      `/my-bucket/${key}`,
      { headers: { ...header, ...token }, parameters },
      new Date(NOW_MS).toUTCString(),
    );
    t.is(
      signedV1['authorization'],
      oracle.authorization(KEY.accessKeyId, KEY.accessKeySecret, text),
      `seed ${SEED}: ${url.href}`,
    );
  }
});

oracleTest('COS is that of cos-nodejs-sdk-v5', ['cos-nodejs-sdk-v5'], (t, load) => {
  const oracle = load('cos-nodejs-sdk-v5') as { getAuthorization(options: object): string };
  const random = new Random(SEED);
  for (let count = 0; count < REQUESTS; count += 1) {
    const { key, path, query, search } = randomRequest(
      random,
      ['versionId', 'response-content-type'],
      ['prefix', 'delimiter', 'max-keys', 'marker', 'encoding-type'],
    );
    const host = 'bucket-1250000000.cos.ap-beijing.myqcloud.com';
    const url = new URL(`https://${host}${path}${search}`);
    const keyTime = '1557989151;1557996351';
    const expected = oracle.getAuthorization({
      SecretId: KEY.accessKeyId,
      SecretKey: KEY.accessKeySecret,
      Method: 'GET',
      Key: key,
      Query: query,
      Headers: { host },
      KeyTime: keyTime,
    });
    t.is(
      cosAuthorization({ method: 'GET', url, header: { host } }, KEY, keyTime),
      expected,
      `seed ${SEED}: ${url.href}`,
    );
  }
});

/** The name of the bucket is part of that of the host. */
const toLoopback: LookupFunction = (_name, _options, done) => {
  done(null, [{ address: '127.0.0.1', family: 4 }]);
};

type ObsCall = (parameters: object, callback: (error: unknown) => void) => void;

oracleTest('OBS is that of esdk-obs-nodejs', ['esdk-obs-nodejs'], async (t, load) => {
  const ObsClient = load('esdk-obs-nodejs') as new (options: object) => {
    listObjects: ObsCall;
    getObject: ObsCall;
    close(): void;
  };
  const random = new Random(SEED);
  const server = await startRecordingServer();
  const client = new ObsClient({
    access_key_id: KEY.accessKeyId,
    secret_access_key: KEY.accessKeySecret,
    security_token: KEY.sessionToken,
    server: `http://localhost:${server.port}`,
    http_agent: new Agent({ lookup: toLoopback }),
    signature: 'obs',
    is_signature_negotiation: false,
    max_retry_count: 0,
  });
  // The SDK's constructor is asynchronous, and offers nothing to wait for.
  await nextTurn();
  const called = (method: 'listObjects' | 'getObject', parameters: object): Promise<void> =>
    new Promise((resolve) => {
      client[method]({ Bucket: 'my-bucket', ...parameters }, () => resolve());
    });
  for (let count = 0; count < 60; count += 1) {
    const { key, query } = randomRequest(random, ['versionId'], ['prefix', 'marker', 'delimiter']);
    if (key === '')
      await called('listObjects', {
        Prefix: query['prefix'],
        Marker: query['marker'],
        Delimiter: query['delimiter'],
      });
    else await called('getObject', { Key: key, VersionId: query['versionId'], Range: 'bytes=0-9' });
  }
  client.close();
  await server.close();
  t.is(server.recorded.length, 60);
  const sign = obs({ bucket: 'my-bucket' });
  for (const { method, target, header } of server.recorded) {
    const { authorization, 'x-obs-security-token': token, ...others } = header;
    const url = new URL(target, `http://my-bucket.localhost:${server.port}`);
    const signed = sign({ method, url, header: others }, KEY, Date.parse(header['date'] ?? ''));
    t.is(signed['authorization'], authorization, `seed ${SEED}: ${target}`);
    t.is(signed['x-obs-security-token'], token);
  }
});

interface AzureStorage {
  StorageSharedKeyCredential: new (account: string, key: string) => object;
  ContainerClient: new (
    url: string,
    credential: object,
    options: object,
  ) => {
    getBlobClient(name: string): {
      withSnapshot(id: string): unknown;
      download(offset: number, count: number, options: object): Promise<unknown>;
    };
    listBlobsByHierarchy(
      delimiter: string,
      options: object,
    ): { byPage(options: object): AsyncIterable<unknown> };
  };
}

oracleTest('Shared Key is that of @azure/storage-blob', ['@azure/storage-blob'], async (t, load) => {
  const { ContainerClient, StorageSharedKeyCredential } = load('@azure/storage-blob') as AzureStorage;
  const random = new Random(SEED);
  const server = await startRecordingServer();
  const accessKeySecret = Buffer.from('secret').toString('base64');
  const client = new ContainerClient(
    `http://127.0.0.1:${server.port}/account/container`,
    new StorageSharedKeyCredential('account', accessKeySecret),
    { retryOptions: { maxTries: 1 } },
  );
  for (let count = 0; count < 60; count += 1) {
    const { key, query } = randomRequest(random, [], ['prefix', 'marker']);
    if (key === '') {
      const pages = client
        .listBlobsByHierarchy('/', { prefix: query['prefix'] })
        .byPage({ continuationToken: query['marker'], maxPageSize: 5 });
      await pages[Symbol.asyncIterator]()
        .next()
        .catch(() => undefined);
    } else {
      await client
        .getBlobClient(key)
        .download(count, 10, { conditions: { ifMatch: '"0x8"' } })
        .catch(() => undefined);
    }
  }
  await server.close();
  t.is(server.recorded.length, 60);
  const sign = azureSharedKey();
  for (const { method, target, header } of server.recorded) {
    const { authorization, 'x-ms-date': date, ...others } = header;
    const url = new URL(target, `http://127.0.0.1:${server.port}`);
    const signed = sign(
      { method, url, header: others },
      { accessKeyId: 'account', accessKeySecret },
      Date.parse(date ?? ''),
    );
    t.is(signed['authorization'], authorization, `seed ${SEED}: ${target}`);
  }
});

oracleTest('a URL is signed as @smithy/signature-v4 signs it', ['@smithy/signature-v4'], async (t, load) => {
  const { SignatureV4 } = load('@smithy/signature-v4') as Smithy;
  const { Sha256Node } = load('@smithy/core/checksum') as { Sha256Node: unknown };
  const random = new Random(SEED);
  const { accessKeyId, accessKeySecret: secretAccessKey, sessionToken } = KEY;
  const oracle = new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    region: 'eu-west-1',
    service: 's3',
    sha256: Sha256Node,
    uriEscapePath: false,
  });
  const ours = sigV4Url({ region: 'eu-west-1' });
  for (let count = 0; count < REQUESTS; count += 1) {
    const { path, query, search } = randomRequest(random, ['versionId', 'x-id'], ['list-type', 'prefix']);
    const host = random.pick(['b.s3.eu-west-1.amazonaws.com', 'localhost:9000']);
    // The SDK takes a hash of the body for a parameter.
    const hash = 'x-amz-content-sha256=UNSIGNED-PAYLOAD';
    const url = new URL(`https://${host}${path}${search}${search === '' ? '?' : '&'}${hash}`);
    const headers = { host, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    const request = { method: 'GET', protocol: 'https:', hostname: url.hostname, path, query, headers };
    const signed = await oracle.presign(request, { signingDate: new Date(NOW_MS), expiresIn: 3_600 });
    const found = Object.fromEntries(ours(url, KEY, NOW_MS).searchParams);
    t.deepEqual(found['X-Amz-Signature'], signed.query['X-Amz-Signature'], `seed ${SEED}: ${url.href}`);
  }
});

interface OssUrlSignatures {
  getCanonicalRequest(
    method: string,
    request: object,
    bucket: string,
    key: string,
    additional: string[],
  ): string;
  getStringToSign(region: string, date: string, canonical: string): string;
  getSignatureV4(secret: string, day: string, region: string, text: string): string;
  _signatureForURL(secret: string, options: object, resource: string, expires: number): { Signature: string };
}

oracleTest('URLs of OSS are signed as ali-oss signs them', ['ali-oss'], (t, load) => {
  const oracle = load('ali-oss/lib/common/signUtils.js') as OssUrlSignatures;
  const random = new Random(SEED);
  const bucket = 'my-bucket';
  const [v4, v1] = [ossV4Url({ region: 'cn-hangzhou', bucket }), ossV1Url({ bucket })];
  for (let count = 0; count < REQUESTS; count += 1) {
    const { key, path, search, query } = randomRequest(random, ['versionId'], []);
    const url = new URL(`https://my-bucket.oss-cn-hangzhou.aliyuncs.com${path}${search}`);
    const { 'x-oss-signature': found, ...queries } = Object.fromEntries(v4(url, KEY, NOW_MS).searchParams);
    const date = compactTime(NOW_MS);
    const canonical = oracle.getCanonicalRequest('GET', { headers: {}, queries }, bucket, key, []);
    const text = oracle.getStringToSign('cn-hangzhou', date, canonical);
    const expected = oracle.getSignatureV4(KEY.accessKeySecret, date.slice(0, 8), 'cn-hangzhou', text);
    t.is(found, expected, `seed ${SEED}: ${url.href}`);

    const signed = Object.fromEntries(v1(url, KEY, NOW_MS).searchParams);
    const options = { method: 'GET', 'security-token': KEY.sessionToken, subResource: { ...query } };
    const expiresSeconds = Math.floor(NOW_MS / 1000) + 3_600;
    const signature = oracle._signatureForURL(
      KEY.accessKeySecret,
      options,
      `/${bucket}/${key}`,
      expiresSeconds,
    );
    t.is(signed['Signature'], signature.Signature, `seed ${SEED}: ${url.href}`);
    t.is(signed['Expires'], String(expiresSeconds));
  }
});

oracleTest('URLs of OBS are signed as esdk-obs-nodejs signs them', ['esdk-obs-nodejs'], async (t, load) => {
  const ObsClient = load('esdk-obs-nodejs') as new (options: object) => {
    createSignedUrlSync(parameters: object): { readonly SignedUrl: string };
    close(): void;
  };
  const client = new ObsClient({
    access_key_id: KEY.accessKeyId,
    secret_access_key: KEY.accessKeySecret,
    security_token: KEY.sessionToken,
    server: 'https://obs.eu-1.myhuaweicloud.com',
    signature: 'obs',
  });
  await nextTurn();
  const random = new Random(SEED);
  const ours = obsUrl({ bucket: 'my-bucket' });
  for (let count = 0; count < REQUESTS; count += 1) {
    const { key, path, query } = randomRequest(random, ['versionId'], []);
    const parameters = { Method: 'GET', Bucket: 'my-bucket', Key: key, Expires: 3_600, QueryParams: query };
    const theirs = new URL(client.createSignedUrlSync(parameters).SignedUrl).searchParams;
    const { versionId } = query;
    const search = versionId === undefined ? '' : `?versionId=${encodeURIComponent(versionId)}`;
    const url = new URL(`https://my-bucket.obs.eu-1.myhuaweicloud.com${path}${search}`);
    const signedAtMs = (Number(theirs.get('Expires')) - 3_600) * 1000;
    const found = ours(url, KEY, signedAtMs).searchParams;
    for (const name of ['AccessKeyId', 'Expires', 'Signature'])
      t.is(found.get(name), theirs.get(name), `seed ${SEED}: ${name} of ${url.href}`);
  }
  client.close();
});

interface AzureSas {
  StorageSharedKeyCredential: new (account: string, key: string) => object;
  BlobSASPermissions: { parse(text: string): object };
  generateBlobSASQueryParameters(values: object, key: object): { toString(): string };
}

oracleTest('a shared access signature is that of @azure/storage-blob', ['@azure/storage-blob'], (t, load) => {
  const oracle = load('@azure/storage-blob') as AzureSas;
  const random = new Random(SEED);
  const key = { accessKeyId: 'account', accessKeySecret: Buffer.from('secret').toString('base64') };
  const credential = new oracle.StorageSharedKeyCredential(key.accessKeyId, key.accessKeySecret);
  for (let count = 0; count < REQUESTS; count += 1) {
    const { key: blobName, path } = randomRequest(random, [], []);
    if (blobName === '') continue;
    const url = new URL(`https://account.blob.core.windows.net/container${path}`);
    const found = sasUrl(url, `container${path}`, key, NOW_MS).searchParams;
    const values = {
      containerName: 'container',
      blobName,
      permissions: oracle.BlobSASPermissions.parse('r'),
      expiresOn: new Date(NOW_MS + 3_600_000),
      version: found.get('sv'),
    };
    const expected = new URLSearchParams(
      oracle.generateBlobSASQueryParameters(values, credential).toString(),
    );
    t.deepEqual(Object.fromEntries(found), Object.fromEntries(expected), `seed ${SEED}: ${url.href}`);
  }
});
