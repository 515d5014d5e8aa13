/** AWS's own packages against services on loopback. */
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { dirname, join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { awsCredentials } from '../../src/source/auth/aws-credentials.js';
import { awsRegion } from '../../src/source/auth/aws-region.js';
import { s3Credentials } from '../../src/source/auth/bucket-credentials.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { SourceError } from '../../src/source/errors.js';
import { startAnsweringServer } from '../support/answering-server.js';
import { createCertificate } from '../support/certificate.js';
import { temporaryDirectory } from '../support/temp.js';
import { startTunnelProxy } from '../support/tunnel-proxy.js';

const EXPIRES = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
const ROLE = 'arn:aws:iam::123456789012:role/reader';
const OF_ROLE = {
  accessKeyId: 'ASIA',
  accessKeySecret: 'of-role',
  sessionToken: 'session',
  expiresAtMs: EXPIRES.getTime(),
};

/** Nothing of this machine's user is found. Returns a home directory with these files. */
async function cleanEnvironment(
  t: ExecutionContext,
  variables: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>> = {},
): Promise<string> {
  const home = await temporaryDirectory(t);
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, { HOME: home, AWS_EC2_METADATA_DISABLED: 'true', ...variables });
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(home, name)), { recursive: true });
    await writeFile(join(home, name), content);
  }
  return home;
}

function assumed(action: string): string {
  const credentials = `<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>of-role</SecretAccessKey><SessionToken>session</SessionToken><Expiration>${EXPIRES.toISOString()}</Expiration></Credentials>`;
  return `<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><${action}Result>${credentials}</${action}Result></${action}Response>`;
}

test.serial('keys of the environment', async (t) => {
  await cleanEnvironment(t, {
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 's',
    AWS_SESSION_TOKEN: 't',
  });
  t.deepEqual(await awsCredentials({}).get(), {
    accessKeyId: 'AKIA',
    accessKeySecret: 's',
    sessionToken: 't',
  });
  process.env['AWS_SESSION_TOKEN'] = '';
  t.deepEqual(await s3Credentials({}).get(), { accessKeyId: 'AKIA', accessKeySecret: 's' });
  t.is(await s3Credentials({ credentials: { kind: 'anonymous' } }).get(), undefined);
});

test.serial('a profile, of the environment or of the rule; the file is read anew', async (t) => {
  const file =
    '[default]\naws_access_key_id = D\naws_secret_access_key = d\n[other]\naws_access_key_id = O\naws_secret_access_key = o\n';
  const home = await cleanEnvironment(t, {}, { '.aws/credentials': file });
  t.deepEqual(await s3Credentials({}).get(), { accessKeyId: 'D', accessKeySecret: 'd' });
  const other = { credentials: { kind: 'profile', profile: 'other' } } as const;
  t.deepEqual(await s3Credentials(other).get(), { accessKeyId: 'O', accessKeySecret: 'o' });
  Object.assign(process.env, { AWS_PROFILE: 'other', AWS_ACCESS_KEY_ID: 'E', AWS_SECRET_ACCESS_KEY: 'e' });
  t.is((await s3Credentials({}).get())?.accessKeyId, 'O', 'a profile comes first, as in the chain');
  await writeFile(join(home, '.aws/credentials'), file.replaceAll('O', 'N'));
  t.is((await s3Credentials(other).get())?.accessKeyId, 'N');
});

test.serial('the region is that of the environment or of the profile', async (t) => {
  const config =
    '[default]\nregion = eu-west-1\n# region = no\n[profile other]\ns3 =\n  region = no\nregion=ap-south-1 \n';
  await cleanEnvironment(t, {}, { '.aws/config': config });
  t.is(await awsRegion(), 'eu-west-1');
  t.is(await awsRegion('other'), 'ap-south-1');
  t.is(await awsRegion('missing'), undefined);
  process.env['AWS_PROFILE'] = 'other';
  t.is(await awsRegion(), 'ap-south-1');
  process.env['AWS_REGION'] = 'us-west-2';
  t.is(await awsRegion('other'), 'us-west-2');
});

test.serial('a role of the rule, by STS', async (t) => {
  const sts = await startAnsweringServer(t, () => ({ body: assumed('AssumeRole') }));
  await cleanEnvironment(t, {
    AWS_ACCESS_KEY_ID: 'AKIA',
    AWS_SECRET_ACCESS_KEY: 's',
    AWS_ENDPOINT_URL_STS: sts.origin,
  });
  const provider = s3Credentials({ credentials: { kind: 'profile', roleArn: ROLE, externalId: 'x' } });
  t.deepEqual(await provider.get(), OF_ROLE);
  const body = new URLSearchParams(sts.asked[0]?.body);
  t.is(body.get('RoleArn'), ROLE);
  t.is(body.get('ExternalId'), 'x');
  t.is(body.get('RoleSessionName'), 'd7y-mount');
  t.true(sts.asked[0]?.header.authorization?.includes('Credential=AKIA/'));
  const elsewhere = { endpoint: new URL('https://s3.lake.example'), region: 'eu-lake-1' };
  t.deepEqual(
    await s3Credentials({ ...elsewhere, credentials: { kind: 'profile', roleArn: ROLE } }).get(),
    OF_ROLE,
  );
  t.true(sts.asked[1]?.header.authorization?.includes('/us-east-1/sts/'), 'not the region of another store');
});

test.serial('web identity', async (t) => {
  const sts = await startAnsweringServer(t, () => ({ body: assumed('AssumeRoleWithWebIdentity') }));
  const home = await cleanEnvironment(
    t,
    { AWS_ROLE_ARN: ROLE, AWS_ENDPOINT_URL_STS: sts.origin },
    { token: 'web-token' },
  );
  process.env['AWS_WEB_IDENTITY_TOKEN_FILE'] = join(home, 'token');
  t.deepEqual(await s3Credentials({}).get(), OF_ROLE);
  t.is(new URLSearchParams(sts.asked[0]?.body).get('WebIdentityToken'), 'web-token');
});

test.serial('SSO', async (t) => {
  const portal = await startAnsweringServer(t, () => ({
    body: {
      roleCredentials: {
        accessKeyId: 'ASIA',
        secretAccessKey: 'of-role',
        sessionToken: 'session',
        expiration: EXPIRES.getTime(),
      },
    },
  }));
  const cached = `.aws/sso/cache/${createHash('sha1').update('work').digest('hex')}.json`;
  await cleanEnvironment(
    t,
    { AWS_ENDPOINT_URL_SSO: portal.origin },
    {
      '.aws/config':
        '[profile research]\nsso_session = work\nsso_account_id = 1\nsso_role_name = r\n[sso-session work]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n',
      [cached]: JSON.stringify({ accessToken: 'sso-token', expiresAt: EXPIRES.toISOString() }),
    },
  );
  const provider = s3Credentials({ credentials: { kind: 'profile', profile: 'research' } });
  t.deepEqual(await provider.get(), OF_ROLE);
  t.is(portal.asked[0]?.header['x-amz-sso_bearer_token'], 'sso-token');
});

test.serial('a container and an EC2 instance', async (t) => {
  const form = { AccessKeyId: 'ASIA', SecretAccessKey: 'of-role', Expiration: EXPIRES.toISOString() };
  const server = await startAnsweringServer(t, ({ method, target }) => {
    if (target === '/task') return { body: { ...form, Token: 'session' } };
    if (method === 'PUT') return { body: 'imds-token' };
    return {
      body: target.endsWith('/security-credentials/')
        ? 'reader'
        : { ...form, Token: 'session', Code: 'Success' },
    };
  });
  await cleanEnvironment(t, { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${server.origin}/task` });
  t.deepEqual(await s3Credentials({}).get(), OF_ROLE);
  await cleanEnvironment(t, {
    AWS_EC2_METADATA_DISABLED: '',
    AWS_EC2_METADATA_SERVICE_ENDPOINT: server.origin,
  });
  t.deepEqual(await s3Credentials({}).get(), OF_ROLE);
  t.is(server.asked.at(-1)?.header['x-aws-ec2-metadata-token'], 'imds-token');
});

test.serial('an empty chain means anonymous, and a sentence for a later refusal', async (t) => {
  await cleanEnvironment(t, {});
  const provider = s3Credentials({});
  t.is(await provider.get(), undefined);
  t.regex(provider.notFound ?? '', /^no credentials were found \(looked in: the environment, /);
  const demanded = s3Credentials({ credentials: { kind: 'profile', profile: 'missing' } });
  const error = await t.throwsAsync(async () => await demanded.get(), { instanceOf: SourceError });
  t.is(error?.code, 'ACCESS_DENIED');
});

test.serial('a failure has no output of a command, and an outage is no refusal', async (t) => {
  const config =
    '[profile p]\ncredential_process = sh -c "echo top-secret >&2; exit 1"\n[profile role]\nrole_arn = x\nsource_profile = keys\n[profile keys]\naws_access_key_id = A\naws_secret_access_key = b\n';
  await cleanEnvironment(
    t,
    { AWS_ENDPOINT_URL_STS: 'http://127.0.0.1:1', AWS_MAX_ATTEMPTS: '1' },
    { '.aws/config': config },
  );
  const fails = s3Credentials({ credentials: { kind: 'profile', profile: 'p' } });
  const error = await t.throwsAsync(async () => await fails.get(), { instanceOf: SourceError });
  t.is(error?.code, 'ACCESS_DENIED');
  t.false(
    JSON.stringify([error, error?.message, error?.found, error?.stack, String(error?.cause)]).includes(
      'top-secret',
    ),
  );
  const out = await t.throwsAsync(
    async () => await s3Credentials({ credentials: { kind: 'profile', profile: 'role' } }).get(),
    { instanceOf: SourceError },
  );
  t.is(out?.code, 'BUSY');
});

test.serial("the proxy and the authority of the rule serve AWS's packages too", async (t) => {
  const { certificate, key } = await createCertificate(t, 'DNS:sts.eu-west-1.amazonaws.com');
  const tls = { cert: await readFile(certificate), key: await readFile(key) };
  const sts = await startAnsweringServer(
    t,
    () => ({ body: assumed('AssumeRole') }),
    (listener) => createTlsServer(tls, listener),
  );
  const { host, tunnels } = await startTunnelProxy(t, sts.port);
  await cleanEnvironment(t, { AWS_ACCESS_KEY_ID: 'AKIA', AWS_SECRET_ACCESS_KEY: 's' });
  const settings = {
    region: 'eu-west-1',
    tls: { ca: certificate },
    credentials: { kind: 'profile', roleArn: ROLE },
  } as const;
  t.deepEqual(
    await s3Credentials({ ...settings, proxy: literalSecret(`http://ada:pw@${host}`) }).get(),
    OF_ROLE,
  );
  t.deepEqual(tunnels, [`sts.eu-west-1.amazonaws.com:443 Basic ${Buffer.from('ada:pw').toString('base64')}`]);
  process.env['HTTPS_PROXY'] = `http://${host}`;
  t.deepEqual(await s3Credentials(settings).get(), OF_ROLE);
  delete process.env['HTTPS_PROXY'];
  t.deepEqual(tunnels.slice(1), ['sts.eu-west-1.amazonaws.com:443']);
});
