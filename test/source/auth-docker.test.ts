/** Logins of docker, podman and credential helpers. */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { dockerConfigFiles, findLogin } from '../../src/source/auth/docker-config.js';
import { registryCredentials } from '../../src/source/auth/registry-credentials.js';
import { commandSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { SourceError } from '../../src/source/errors.js';
import { temporaryDirectory } from '../support/temp.js';

const LOGIN = { user: 'ada', password: 'pa:ss' };
const AUTH = Buffer.from('ada:pa:ss').toString('base64');

async function configFile(t: ExecutionContext, config: object): Promise<string[]> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, 'config.json'), JSON.stringify(config));
  return dockerConfigFiles(directory);
}

test('a login is found under each of the names that docker and podman give a registry', async (t) => {
  const names: [string, string, string][] = [
    ['registry.example:5000', 'registry.example:5000', 'a/b'],
    ['https://ghcr.io', 'ghcr.io', 'a/b'],
    ['https://ghcr.io/v2/', 'ghcr.io', 'a/b'],
    ['quay.io/org', 'quay.io', 'org/image'],
    ['quay.io/org/image', 'quay.io', 'org/image'],
    ['https://index.docker.io/v1/', 'registry-1.docker.io', 'library/alpine'],
    ['docker.io', 'registry-1.docker.io', 'library/alpine'],
    ['https://index.docker.io/v1/', 'docker.io', 'library/alpine'],
  ];
  for (const [name, registry, repository] of names) {
    const files = await configFile(t, { auths: { other: { auth: 'eDp5' }, [name]: { auth: AUTH } } });
    t.deepEqual(await findLogin(files, registry, repository), LOGIN, name);
  }
  const foreign = ['quay.io/other', 'quay.io/org/ima', 'io', 'quay.io.example'];
  const files = await configFile(t, {
    auths: Object.fromEntries(foreign.map((name) => [name, { auth: AUTH }])),
  });
  t.is(await findLogin(files, 'quay.io', 'org/image'), undefined);
});

test('the most specific login wins, and each form of one is read', async (t) => {
  const files = await configFile(t, {
    auths: {
      'quay.io': { auth: Buffer.from('all:1').toString('base64') },
      'quay.io/org': { auth: Buffer.from('org:2\0\0').toString('base64') },
      'identity.example': { auth: AUTH, identitytoken: 'refresh' },
      'token.example': { registrytoken: 'bearer' },
      'plain.example': { username: 'ada', password: 'pa:ss' },
      'empty.example': {},
      'null.example': null,
    },
  });
  t.deepEqual(await findLogin(files, 'quay.io', 'org/image'), { user: 'org', password: '2' });
  t.deepEqual(await findLogin(files, 'quay.io', 'other/image'), { user: 'all', password: '1' });
  t.deepEqual(await findLogin(files, 'identity.example', 'a'), { identityToken: 'refresh' });
  t.deepEqual(await findLogin(files, 'token.example', 'a'), { registryToken: 'bearer' });
  t.deepEqual(await findLogin(files, 'plain.example', 'a'), LOGIN);
  t.is(await findLogin(files, 'empty.example', 'a'), undefined);
  t.is(await findLogin(files, 'null.example', 'a'), undefined);
});

/** A helper in PATH that notes what it is asked, and then does as the script says. */
async function helper(t: ExecutionContext, name: string, script: string): Promise<string> {
  const directory = await temporaryDirectory(t);
  const asked = join(directory, 'asked');
  const program = join(directory, `docker-credential-${name}`);
  await writeFile(program, `#!/bin/sh\nkey=$(cat)\necho "$1 $key" >> ${asked}\n${script}\n`);
  await chmod(program, 0o700);
  process.env['PATH'] = `${directory}:${process.env['PATH']}`;
  return asked;
}

test.serial('credential helpers: of the registry, and the one for all', async (t) => {
  const one = await helper(t, 'one', `echo '{"ServerURL":"x","Username":"ada","Secret":"pa:ss"}'`);
  const all = await helper(t, 'all', `echo '{"Username":"<token>","Secret":"refresh"}'`);
  const files = await configFile(t, {
    credHelpers: { 'gcr.io': 'one' },
    credsStore: 'all',
    auths: { 'gcr.io': { auth: 'eDp5' } },
  });
  t.deepEqual(await findLogin(files, 'gcr.io', 'a'), LOGIN);
  t.deepEqual(await findLogin(files, 'registry-1.docker.io', 'library/alpine'), { identityToken: 'refresh' });
  t.is(await readFile(one, 'utf8'), 'get gcr.io\n');
  t.is(await readFile(all, 'utf8'), 'get https://index.docker.io/v1/\n');
});

test.serial('a helper without a login is passed over; one that fails shows no output', async (t) => {
  await helper(t, 'empty', 'echo "credentials not found in native keychain"; exit 1');
  const files = await configFile(t, { credsStore: 'empty', auths: { 'ghcr.io': { auth: AUTH } } });
  t.deepEqual(await findLogin(files, 'ghcr.io', 'a'), LOGIN);
  t.is(await findLogin(files, 'gcr.io', 'a'), undefined);
  await helper(t, 'broken', 'echo top-secret; echo top-secret >&2; exit 3');
  await helper(t, 'odd', 'echo top-secret');
  for (const name of ['broken', 'odd', '../x']) {
    const broken = await configFile(t, { credHelpers: { 'ghcr.io': name } });
    const error = await t.throwsAsync(findLogin(broken, 'ghcr.io', 'a'), { instanceOf: SourceError }, name);
    t.is(error?.code, 'ACCESS_DENIED');
    t.false(
      JSON.stringify([error, error?.message, error?.stack, String(error?.cause)]).includes('top-secret'),
    );
  }
});

test('a helper that is not installed leaves what is public', async (t) => {
  const [file = ''] = await configFile(t, { credsStore: 'nowhere', auths: { 'ghcr.io': {} } });
  const provider = registryCredentials(
    { credentials: { kind: 'docker', directory: dirname(file) } },
    'ghcr.io',
    'a',
  );
  t.is(await provider.get(), undefined);
  t.is(
    provider.notFound,
    `no login for ghcr.io was found (looked in: ${file}; docker-credential-nowhere is not installed)`,
  );
});

test.serial('the files of docker, podman and singularity, in this order', async (t) => {
  const home = await temporaryDirectory(t);
  delete process.env['REGISTRY_AUTH_FILE'];
  delete process.env['DOCKER_CONFIG'];
  Object.assign(process.env, { HOME: home, XDG_RUNTIME_DIR: join(home, 'run') });
  const usual = [
    '.docker/config.json',
    'run/containers/auth.json',
    '.config/containers/auth.json',
    '.singularity/docker-config.json',
  ];
  t.deepEqual(
    dockerConfigFiles(),
    usual.map((file) => join(home, file)),
  );
  t.is(await registryCredentials({}, 'ghcr.io', 'a').get(), undefined);
  for (const file of usual.toReversed()) {
    await mkdir(dirname(join(home, file)), { recursive: true });
    const auth = Buffer.from(`${file}:x`).toString('base64');
    await writeFile(join(home, file), JSON.stringify({ auths: { 'ghcr.io': { auth } } }));
    t.deepEqual(await registryCredentials({}, 'ghcr.io', 'a').get(), { user: file, password: 'x' });
  }
  Object.assign(process.env, { DOCKER_CONFIG: join(home, 'd'), REGISTRY_AUTH_FILE: join(home, 'r') });
  t.deepEqual(dockerConfigFiles().slice(0, 2), [join(home, 'r'), join(home, 'd', 'config.json')]);
  await writeFile(join(home, 'r'), '{"auths": top-secret');
  const error = await t.throwsAsync(async () => await registryCredentials({}, 'ghcr.io', 'a').get(), {
    instanceOf: SourceError,
  });
  t.is(error?.code, 'NOT_CONFIGURED');
  t.false(JSON.stringify([error, error?.message, error?.stack]).includes('top-secret'));
});

test('the login of the rule', async (t) => {
  const secret = literalSecret('s');
  const ofRule = async (
    credentials: Parameters<typeof registryCredentials>[0]['credentials'] & object,
  ): Promise<unknown> => await registryCredentials({ credentials }, 'ghcr.io', 'a').get();
  t.deepEqual(await ofRule({ kind: 'password', user: 'ada', password: secret }), {
    user: 'ada',
    password: 's',
  });
  t.deepEqual(await ofRule({ kind: 'token', token: secret }), { identityToken: 's' });
  t.is(await ofRule({ kind: 'anonymous' }), undefined);
  t.deepEqual(await ofRule({ kind: 'command', output: commandSecret(['echo', 'bare']) }), {
    identityToken: 'bare',
  });
  const json = JSON.stringify({ Username: 'ada', Secret: 's' });
  t.deepEqual(await ofRule({ kind: 'command', output: commandSecret(['echo', json]) }), {
    user: 'ada',
    password: 's',
  });
  const [file = ''] = await configFile(t, { auths: { 'ghcr.io': { auth: AUTH } } });
  t.deepEqual(await ofRule({ kind: 'docker', directory: dirname(file) }), LOGIN);
  const provider = registryCredentials(
    { credentials: { kind: 'docker', directory: dirname(file) } },
    'gcr.io',
    'a',
  );
  await provider.get();
  t.is(provider.notFound, `no login for gcr.io was found (looked in: ${file})`);
});
