import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { configuredKeys, configuredToken } from '../../src/source/auth/configured-credentials.js';
import { commandSecret, fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { temporaryDirectory } from '../support/temp.js';

test('what was refused is read anew', async (t) => {
  const file = join(await temporaryDirectory(t), 'secret');
  await writeFile(file, 'old');
  const provider = configuredKeys({
    kind: 'keys',
    accessKeyId: literalSecret('id'),
    accessKeySecret: fileSecret(file),
  });
  const old = await provider.get();
  t.deepEqual(old, { accessKeyId: 'id', accessKeySecret: 'old' });
  await writeFile(file, 'new');
  t.is(await provider.get(), old);
  if (old !== undefined) provider.refused(old);
  t.deepEqual(await provider.get(), { accessKeyId: 'id', accessKeySecret: 'new' });
});

test('credentials that were read are there at once, until another user of the secret reads it anew', async (t) => {
  const file = join(await temporaryDirectory(t), 'secret');
  await writeFile(file, 'old');
  const secret = fileSecret(file);
  const provider = configuredToken({ kind: 'token', token: secret });
  const old = await provider.get();
  t.is(provider.get(), old);
  await writeFile(file, 'new');
  await secret.renew(await secret.get());
  t.deepEqual(await provider.get(), { token: 'new' });
});

test("a command gives a bare token, or JSON in the form of AWS's external processes", async (t) => {
  const json = JSON.stringify({
    Version: 1,
    AccessKeyId: 'id',
    SecretAccessKey: 'key',
    SessionToken: 'token',
    Expiration: '2040-01-01T00:00:00Z',
  });
  const expiresAtMs = Date.UTC(2040, 0, 1);
  const process = { kind: 'command', output: commandSecret(['printf', '%s', json]) } as const;
  t.deepEqual(await configuredKeys(process).get(), {
    accessKeyId: 'id',
    accessKeySecret: 'key',
    sessionToken: 'token',
    expiresAtMs,
  });
  t.deepEqual(await configuredToken(process).get(), { token: 'token', expiresAtMs });
  const bare = { kind: 'command', output: commandSecret(['echo', 'bare']) } as const;
  t.deepEqual(await configuredToken(bare).get(), { token: 'bare' });
  await t.throwsAsync(async () => await configuredKeys(bare).get(), {
    code: 'ACCESS_DENIED',
    message: /^(?!.*bare)/,
  });
});
