import { homedir } from 'node:os';
import { inspect } from 'node:util';

import test from 'ava';
import * as v from 'valibot';

import { Secret } from '../../src/source/auth/secret.js';
import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import type { Schema } from '../../src/source/settings-parts.js';
import type { ConfiguredScheme, Keys, Netrc, SettingsByScheme } from '../../src/source/settings.js';

function settings<Scheme extends ConfiguredScheme>(scheme: Scheme, given: object): SettingsByScheme[Scheme] {
  const schema: Schema<SettingsByScheme[Scheme]> = SETTINGS_SCHEMAS[scheme];
  return v.parse(schema, given);
}

function messages(scheme: ConfiguredScheme, given: object): string[] {
  const { issues = [] } = v.safeParse(SETTINGS_SCHEMAS[scheme], given);
  return issues.map((issue) => `${v.getDotPath(issue)}: ${issue.message}`);
}

async function revealed(keys: Keys): Promise<(string | undefined)[]> {
  const secrets = [keys.accessKeyId, keys.accessKeySecret, keys.sessionToken];
  return await Promise.all(secrets.map(async (secret) => (await secret?.get())?.reveal()));
}

test('settings have the types that sources expect', async (t) => {
  const given = settings('s3', {
    endpoint: 'https://s3.lake.example:9000',
    addressing: 'path',
    credentials: { accessKeyId: 'id', accessKeySecret: 'key', securityToken: 'token' },
  });
  t.is(given.endpoint?.href, 'https://s3.lake.example:9000/');
  t.is(settings('s3', { endpoint: 's3.lake.example' }).endpoint?.href, 'https://s3.lake.example/');
  // http may be meant, and is not taken for https.
  const vague = t.throws(() => settings('s3', { endpoint: 'minio:9000' }));
  t.regex(vague?.message ?? '', /as https:\/\/HOST:PORT or http:\/\/HOST:PORT/);
  t.is(given.addressing, 'path');
  t.deepEqual(await revealed(given.credentials as Keys), ['id', 'key', 'token']);
  t.deepEqual(settings('s3', { credentials: 'anonymous' }).credentials, { kind: 'anonymous' });
  t.deepEqual(settings('s3', { credentials: { profile: 'research' } }).credentials, {
    kind: 'profile',
    profile: 'research',
  });
  const { file } = settings('https', { credentials: { netrc: '~/logins' } }).credentials as Netrc;
  t.is(file.identity.reveal(), `file:${homedir()}/logins`);
  t.like(settings('http', { credentials: { user: 'ada', password: 'x', auth: 'digest' } }).credentials, {
    kind: 'password',
    auth: 'digest',
  });
  t.deepEqual(settings('oras', { credentials: { dockerConfig: '~/.docker' } }).credentials, {
    kind: 'docker',
    directory: `${homedir()}/.docker`,
  });
});

test('the names of Dragonfly mean the settings of the same kind', async (t) => {
  const byHeader = settings('s3', {
    headers: { awsRegion: 'eu-1', awsS3ForcePathStyle: 'true', 'X-Team': 'blue' },
  });
  t.is(byHeader.region, 'eu-1');
  t.is(byHeader.addressing, 'path');
  t.deepEqual(Object.keys(byHeader.headers ?? {}), ['x-team']);
  const oss = settings('oss', {
    endpoint: 'https://oss-cn-hangzhou.aliyuncs.com',
    accessKeyID: 'id',
    accessKeySecret: 'key',
  });
  t.deepEqual(await revealed(oss.credentials as Keys), ['id', 'key', undefined]);
  t.is(messages('oss', { accessKeyID: 'id', credentials: { accessKeySecret: 'key' } }).length, 1);
});

test('name nodes have the port of their scheme, and data nodes names by others', async (t) => {
  const roots = (namenodes: unknown): string[] =>
    settings('hdfs', { namenodes }).namenodes?.map(({ href }) => href) ?? [];
  t.deepEqual(
    roots([
      'nn1',
      'nn2:14000',
      'https://nn3',
      'https://nn4:443',
      'http://nn5:80',
      'https://knox:8443/gateway/a',
    ]),
    [
      'http://nn1:9870/',
      'http://nn2:14000/',
      'https://nn3:9871/',
      'https://nn4/',
      'http://nn5/',
      'https://knox:8443/gateway/a/',
    ],
  );
  for (const wrong of [
    [],
    ['hdfs://nn:8020'],
    ['http://user:pw@nn:1'],
    ['a b'],
    'nn',
    [1],
    Array.from({ length: 17 }, () => 'nn'),
  ])
    t.regex(messages('hdfs', { namenodes: wrong }).join(), /^namenodes: expected a list of name nodes/);
  t.deepEqual(
    settings('hdfs', { datanodes: { 'DN1.internal:9864': 'localhost:1', '10.0.0.1': 'dn.example' } })
      .datanodes,
    {
      'dn1.internal:9864': 'localhost:1',
      '10.0.0.1': 'dn.example',
    },
  );
  for (const wrong of [{ a: 'http://b' }, { a: 1 }, { 'a/b': 'c' }, { a: 'b:x' }, { a: '' }, [], 'a'])
    t.regex(messages('hdfs', { datanodes: wrong }).join(), /^datanodes: expected a mapping of hosts/);
  for (const given of [
    { headers: { 'hdfs-delegation-token': 'x' } },
    { hdfsDelegationToken: 'x' },
    { credentials: { delegationToken: 'x' } },
  ]) {
    const { credentials, headers = {} } = settings('hdfs', given);
    t.is(credentials?.kind === 'token' && (await credentials.token.get()).reveal(), 'x');
    t.deepEqual(headers, {});
  }
  t.is(messages('hdfs', { p2p: true }).length, 1);
});

test('what is not known is refused, with what was expected and the nearest name', (t) => {
  t.deepEqual(messages('s3', { regoin: 'eu' }), [
    'regoin: expected headers, proxy, tls, p2p, shareScope, endpoint, region, addressing, credentials, requesterPays, found regoin; nearest: region',
  ]);
  t.deepEqual(messages('hf', { credentials: { tokn: 'x' } }), [
    'credentials: expected anonymous or { token } or { command }',
  ]);
  t.deepEqual(messages('s3', { credentials: { accessKeyId: 'x' } }), [
    'credentials.accessKeySecret: expected accessKeySecret',
  ]);
  t.deepEqual(messages('https', { tls: { verify: 'no' } }), ['tls.verify: expected true or false']);
  t.is(messages('s3', { endpoint: 'https://a:b@host/' }).length, 1);
  t.deepEqual(messages('dfs', { region: 'x' }), ['region: expected no settings, found region']);
});

test('a secret is never part of a message or of JSON', async (t) => {
  const { credentials } = settings('hf', { credentials: { token: 'hf_secret' } });
  const token = credentials?.kind === 'token' ? await credentials.token.get() : undefined;
  t.true(token instanceof Secret);
  t.is(token?.reveal(), 'hf_secret');
  const all = settings('https', {
    headers: { 'X-A': 'hf_secret' },
    proxy: 'http://hf_secret@proxy',
    credentials: { user: 'ada', password: { command: ['echo', 'hf_secret'] } },
  });
  t.notRegex(
    `${JSON.stringify([all, credentials])}${inspect([all, credentials], { depth: 9 })}`,
    /hf_secret/,
  );
  const faults = messages('s3', { credentials: { accessKeyId: ['hf_secret'] }, proxy: 'hf_secret' });
  t.false(faults.join().includes('hf_secret'));
});
