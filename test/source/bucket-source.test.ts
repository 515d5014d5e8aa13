/** The sources of buckets as the registry makes them: of settings, and of the environment. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test, { type ExecutionContext } from 'ava';
import { pino } from 'pino';

import { literalSecret } from '../../src/source/auth/secret-source.js';
import { createHttpEngine } from '../../src/source/http/pooled-engine.js';
import { Request } from '../../src/source/index.js';
import { BUCKET_SOURCE } from '../../src/source/schemes/bucket/bucket-source.js';
import type { SourceClient } from '../../src/source/source.js';
import type { S3Settings, SourceSettings } from '../../src/source/settings.js';
import { type RunningBucketServer, startBucketServer } from '../servers/bucket/bucket-server.js';
import { temporaryDirectory } from '../support/temp.js';

const NO_SETTINGS: S3Settings = {};

async function sourceOf(
  t: ExecutionContext,
  scheme: string,
  settingsFor: (url: URL) => SourceSettings,
): Promise<SourceClient> {
  const engine = createHttpEngine({ timeoutMs: 5_000, retries: 0 });
  t.teardown(() => engine.close());
  const log = pino({ level: 'silent' });
  return await BUCKET_SOURCE.create({ scheme, engine, settingsFor, log, timeoutMs: 5_000, retries: 0 });
}

async function read(client: SourceClient, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await client.download(new Request(url))).body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function withEnvironment(t: ExecutionContext, variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, {
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    ...variables,
  });
  t.teardown(() => {
    for (const name of Object.keys(variables)) delete process.env[name];
  });
}

function keysOf({ accessKeyId, accessKeySecret }: RunningBucketServer): Record<string, string> {
  return { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: accessKeySecret };
}

test.serial("s3 takes endpoint, region and keys of the environment, as AWS's tools do", async (t) => {
  const server = await startBucketServer(t, 's3');
  server.put('far', 'file', 'content');
  server.bucket('far', { region: 'eu-west-1' });
  const environment = { ...keysOf(server), AWS_ENDPOINT_URL_S3: server.origin, AWS_REGION: 'eu-west-1' };
  withEnvironment(t, environment);
  const client = await sourceOf(t, 's3', () => NO_SETTINGS);
  t.is(await read(client, 's3://far/file'), 'content');
  t.is(server.log.length, 1, 'the region needed not to be learned');
});

test.serial('s3 takes the region of the profile, and a rule before all', async (t) => {
  const server = await startBucketServer(t, 's3');
  server.put('far', 'file', 'content');
  server.bucket('far', { region: 'eu-west-1' });
  const file = join(await temporaryDirectory(t), 'config');
  await writeFile(file, '[default]\nregion = eu-west-1\n[profile other]\nregion = us-west-2\n');
  const elsewhere = { AWS_CONFIG_FILE: file, AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  withEnvironment(t, { ...keysOf(server), ...elsewhere });
  const settings: S3Settings = { endpoint: new URL(server.origin) };
  const client = await sourceOf(t, 's3', () => settings);
  t.is(await read(client, 's3://far/file'), 'content');
  t.is(server.log.length, 1);
});

test.serial('of two rules each bucket gets its own keys, at its own endpoint', async (t) => {
  const [ada, bob] = [await startBucketServer(t, 's3'), await startBucketServer(t, 's3')];
  const settings = new Map<string, S3Settings>();
  for (const [name, server] of Object.entries({ ada, bob })) {
    const key = { accessKeyId: `id-of-${name}`, accessKeySecret: `secret of ${name}` };
    server.credentials = [key];
    server.put(name, 'file', `content of ${name}`);
    const [accessKeyId, accessKeySecret] = [
      literalSecret(key.accessKeyId),
      literalSecret(key.accessKeySecret),
    ];
    settings.set(name, {
      endpoint: new URL(server.origin),
      credentials: { kind: 'keys', accessKeyId, accessKeySecret },
    });
  }
  const client = await sourceOf(t, 's3', (url) => settings.get(url.host) ?? NO_SETTINGS);
  const both = ['ada', 'bob', 'ada', 'bob'].map((name) => read(client, `s3://${name}/file`));
  t.deepEqual(await Promise.all(both), [
    'content of ada',
    'content of bob',
    'content of ada',
    'content of bob',
  ]);
  t.true([...ada.log, ...bob.log].every(({ status }) => status === 200));
});

test.serial('a rule that wants anonymous requests gets them, whatever the environment has', async (t) => {
  const server = await startBucketServer(t, 's3');
  server.put('public', 'file', 'content');
  server.bucket('public', { isPublic: true });
  withEnvironment(t, { AWS_ACCESS_KEY_ID: 'wrong', AWS_SECRET_ACCESS_KEY: 'wrong' });
  const settings: S3Settings = { endpoint: new URL(server.origin), credentials: { kind: 'anonymous' } };
  const client = await sourceOf(t, 's3', () => settings);
  t.is(await read(client, 's3://public/file'), 'content');
});
