import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { commandSecret, fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { temporaryDirectory } from '../support/temp.js';

test('a file is read at first use, and again when its value was refused', async (t) => {
  const file = join(await temporaryDirectory(t), 'token');
  const secret = fileSecret(file);
  await t.throwsAsync(secret.get(), { code: 'ACCESS_DENIED', message: /cannot be read.*file:/ });
  await writeFile(file, 'first\n');
  const first = await secret.get();
  t.is(first.reveal(), 'first');
  await writeFile(file, 'second\n');
  t.is(await secret.get(), first);
  const second = await secret.renew(first);
  t.is(second.reveal(), 'second');
  await writeFile(file, 'third\n');
  t.is(await secret.renew(first), second, 'it was renewed since');
  t.is((await secret.renew(second)).reveal(), 'third');
});

test('a command runs without a shell, and its failure shows neither arguments nor output', async (t) => {
  t.is((await commandSecret(['printf', '%s\n', '$HOME']).get()).reveal(), '$HOME');
  const script = join(await temporaryDirectory(t), 'fails');
  await writeFile(script, '#!/bin/sh\necho hidden-output >&2\necho hidden-output\nexit 3\n');
  await chmod(script, 0o700);
  const error = await t.throwsAsync(commandSecret([script, 'hidden-argument']).get());
  t.regex(error.message, /cannot be read/);
  t.notRegex(`${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`, /hidden/);
});

test('a literal stays the same', async (t) => {
  const secret = literalSecret('text');
  t.is(await secret.renew(await secret.get()), await secret.get());
});
