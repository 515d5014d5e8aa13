/** Keys and tokens of the environment and of the files that the vendors' tools keep. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';

import test from 'ava';

import { vendorCredentials } from '../../src/source/auth/bucket-credentials.js';
import { hubCredentials } from '../../src/source/auth/hub-credentials.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { temporaryDirectory } from '../support/temp.js';

function onlyEnvironment(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) {
    if (/^(OSS|OBS|ALIBABA|TENCENT|HUAWEI|HF|HUGGING|XDG|MODELSCOPE|CSGHUB)/.test(name))
      delete process.env[name];
  }
  Object.assign(process.env, variables);
}

test.serial('keys of Alibaba, Tencent and Huawei', async (t) => {
  onlyEnvironment({
    ALIBABA_CLOUD_ACCESS_KEY_ID: 'a',
    ALIBABA_CLOUD_ACCESS_KEY_SECRET: 'as',
    TENCENTCLOUD_SECRET_ID: 't',
    TENCENTCLOUD_SECRET_KEY: 'ts',
    TENCENTCLOUD_TOKEN: 'tt',
    HUAWEI_CLOUD_ACCESS_KEY_ID: 'h',
    HUAWEI_CLOUD_SECRET_ACCESS_KEY: 'hs',
  });
  t.deepEqual(await vendorCredentials('oss', {}).get(), { accessKeyId: 'a', accessKeySecret: 'as' });
  t.deepEqual(await vendorCredentials('cos', {}).get(), {
    accessKeyId: 't',
    accessKeySecret: 'ts',
    sessionToken: 'tt',
  });
  t.deepEqual(await vendorCredentials('obs', {}).get(), { accessKeyId: 'h', accessKeySecret: 'hs' });
  Object.assign(process.env, {
    OSS_ACCESS_KEY_ID: 'o',
    OSS_ACCESS_KEY_SECRET: 'os',
    OSS_SESSION_TOKEN: 'ot',
  });
  t.deepEqual(await vendorCredentials('oss', {}).get(), {
    accessKeyId: 'o',
    accessKeySecret: 'os',
    sessionToken: 'ot',
  });
  t.is(vendorCredentials('oss', {}).notFound, undefined);
  t.is(await vendorCredentials('oss', { credentials: { kind: 'anonymous' } }).get(), undefined);
  const [accessKeyId, accessKeySecret] = [literalSecret('r'), literalSecret('rs')];
  const ofRule = vendorCredentials('oss', { credentials: { kind: 'keys', accessKeyId, accessKeySecret } });
  t.deepEqual(await ofRule.get(), { accessKeyId: 'r', accessKeySecret: 'rs' });
});

test.serial('no keys mean anonymous, and a sentence for a later refusal', async (t) => {
  onlyEnvironment({ OSS_ACCESS_KEY_ID: 'without a secret' });
  const provider = vendorCredentials('oss', {});
  t.is(await provider.get(), undefined);
  t.is(
    provider.notFound,
    'no credentials were found (looked in: OSS_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_ID)',
  );
});

test.serial('the token of Hugging Face is where its own tools have it', async (t) => {
  const home = await temporaryDirectory(t);
  const files = {
    own: 'own/token',
    cache: 'cache/huggingface/token',
    default: '.cache/huggingface/token',
    path: 'elsewhere',
  };
  for (const [token, file] of Object.entries(files)) {
    await mkdir(dirname(join(home, file)), { recursive: true });
    await writeFile(join(home, file), ` ${token}\n`);
  }
  process.env['HOME'] = home;
  const cases: [Record<string, string>, string | undefined][] = [
    [{}, 'default'],
    [{ XDG_CACHE_HOME: join(home, 'cache') }, 'cache'],
    [{ HF_HOME: join(home, 'own'), XDG_CACHE_HOME: join(home, 'cache') }, 'own'],
    [{ HF_HOME: join(home, 'own'), HF_TOKEN_PATH: join(home, 'elsewhere') }, 'path'],
    [{ HF_HOME: join(home, 'own'), HF_TOKEN: 'variable' }, 'variable'],
    [{ HUGGING_FACE_HUB_TOKEN: 'old' }, 'old'],
    [{ HF_TOKEN: '', HF_HOME: '', HF_TOKEN_PATH: ' ', XDG_CACHE_HOME: '' }, 'default'],
    [{ HF_TOKEN: 'variable', HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' }, undefined],
    [{ HF_HOME: join(home, 'nowhere') }, undefined],
  ];
  for (const [variables, token] of cases) {
    onlyEnvironment(variables);
    t.is((await hubCredentials('hf', {}).get())?.token, token, JSON.stringify(variables));
  }
  const none = hubCredentials('hf', {});
  await none.get();
  t.is(
    none.notFound,
    `no token was found (looked in: HF_TOKEN, HUGGING_FACE_HUB_TOKEN, ${join(home, 'nowhere', 'token')})`,
  );
});

test.serial('a token of the environment goes to its hub, or to the mirror of the environment', async (t) => {
  onlyEnvironment({ HF_TOKEN: 'hf', MODELSCOPE_API_TOKEN: 'ms', CSGHUB_TOKEN: 'csg' });
  const mirror = { baseUrl: new URL('https://mirror.example/hf/') };
  t.deepEqual(await hubCredentials('hf', { baseUrl: new URL('https://huggingface.co') }).get(), {
    token: 'hf',
  });
  t.deepEqual(await hubCredentials('modelscope', {}).get(), { token: 'ms' });
  t.deepEqual(await hubCredentials('opencsg', { baseUrl: new URL('https://hub.opencsg.com/csg/') }).get(), {
    token: 'csg',
  });
  const foreign = hubCredentials('hf', mirror);
  t.is(await foreign.get(), undefined);
  t.is(foreign.notFound, 'no token was given in the rule for mirror.example');
  process.env['HF_ENDPOINT'] = 'https://mirror.example';
  t.deepEqual(await hubCredentials('hf', mirror).get(), { token: 'hf' });
  const ofRule = { ...mirror, credentials: { kind: 'token', token: literalSecret('rule') } } as const;
  t.deepEqual(await hubCredentials('modelscope', ofRule).get(), { token: 'rule' });
  t.is(await hubCredentials('hf', { credentials: { kind: 'anonymous' } }).get(), undefined);
});
