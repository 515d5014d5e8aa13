/** google-auth-library against services on loopback. */
import { generateKeyPairSync } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import process from 'node:process';

import test, { type ExecutionContext } from 'ava';

import { gsCredentials } from '../../src/source/auth/bucket-credentials.js';
import { fileSecret, literalSecret } from '../../src/source/auth/secret-source.js';
import { SourceError } from '../../src/source/errors.js';
import { startAnsweringServer } from '../support/answering-server.js';
import { createCertificate } from '../support/certificate.js';
import { temporaryDirectory } from '../support/temp.js';
import { startTunnelProxy } from '../support/tunnel-proxy.js';

/** Nothing of this machine's user is found. */
async function cleanEnvironment(t: ExecutionContext): Promise<string> {
  const home = await temporaryDirectory(t);
  for (const name of Object.keys(process.env))
    if (/^(GOOGLE|GCLOUD|GCE|CLOUDSDK)_/.test(name)) delete process.env[name];
  Object.assign(process.env, { HOME: home, METADATA_SERVER_DETECTION: 'none' });
  return home;
}

/** Credentials of a workload, which name the service that gives the token. */
function federated(tokenUrl: string, file: string): string {
  return JSON.stringify({
    type: 'external_account',
    audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    token_url: tokenUrl,
    credential_source: { file },
  });
}

function isAboutAnHour(expiresAtMs: number | undefined): boolean {
  return expiresAtMs !== undefined && Math.abs(expiresAtMs - Date.now() - 3_600_000) < 60_000;
}

test.serial('credentials of the rule, and the application default', async (t) => {
  const server = await startAnsweringServer(t, () => ({
    body: {
      access_token: `token-${server.asked.length}`,
      expires_in: 3600,
      token_type: 'Bearer',
      issued_token_type: 'x',
    },
  }));
  const home = await cleanEnvironment(t);
  await writeFile(join(home, 'subject'), 'subject-token');
  const json = federated(`${server.origin}/token`, join(home, 'subject'));
  const given = gsCredentials({ credentials: { kind: 'google', json: literalSecret(json) } });
  const first = await given.get();
  t.like(first, { token: 'token-1' });
  t.true(isAboutAnHour(first?.expiresAtMs));
  t.is(await given.get(), first);
  t.is(new URLSearchParams(server.asked[0]?.body).get('subject_token'), 'subject-token');
  t.regex(server.asked[0]?.body ?? '', /devstorage.read_only/);

  const base64 = literalSecret(Buffer.from(json).toString('base64'));
  t.like(await gsCredentials({ credentials: { kind: 'google', json: base64 } }).get(), { token: 'token-2' });

  await writeFile(join(home, 'adc.json'), json);
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = join(home, 'adc.json');
  t.like(await gsCredentials({}).get(), { token: 'token-3' });
  t.like(await gsCredentials({ endpoint: new URL('https://storage.googleapis.com') }).get(), {
    token: 'token-4',
  });
  const elsewhere = gsCredentials({ endpoint: new URL('https://gs.example') });
  t.is(await elsewhere.get(), undefined, "Google's tokens are Google's");
  t.regex(elsewhere.notFound ?? '', /not sent to another endpoint/);
  t.is(server.asked.length, 4);
});

test.serial('a file of credentials is read anew when its token was refused', async (t) => {
  const server = await startAnsweringServer(t, ({ body }) => ({
    body: {
      access_token: `for ${new URLSearchParams(body).get('subject_token')}`,
      expires_in: 3600,
      token_type: 'Bearer',
      issued_token_type: 'x',
    },
  }));
  const home = await cleanEnvironment(t);
  for (const name of ['old', 'new']) await writeFile(join(home, name), name);
  const file = join(home, 'credentials.json');
  await writeFile(file, federated(`${server.origin}/token`, join(home, 'old')));
  const now = Date.now.bind(Date);
  let aheadMs = 0;
  Date.now = () => now() + aheadMs;
  t.teardown(() => {
    Date.now = now;
  });
  const provider = gsCredentials({ credentials: { kind: 'google', json: fileSecret(file) } });
  const first = await provider.get();
  t.like(first, { token: 'for old' });
  await writeFile(file, federated(`${server.origin}/token`, join(home, 'new')));
  if (first !== undefined) provider.refused(first);
  t.is(await provider.get(), first, 'not at once');
  aheadMs = 5_000;
  t.like(await provider.get(), { token: 'for new' });
});

test.serial('a service account, through the proxy and with the authority of the rule', async (t) => {
  const { certificate, key } = await createCertificate(t, 'DNS:oauth2.googleapis.com');
  const tls = { cert: await readFile(certificate), key: await readFile(key) };
  const server = await startAnsweringServer(
    t,
    () => ({ body: { access_token: 'token', expires_in: 3600, token_type: 'Bearer' } }),
    (listener) => createTlsServer(tls, listener),
  );
  const { host, tunnels } = await startTunnelProxy(t, server.port);
  await cleanEnvironment(t);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const account = {
    type: 'service_account',
    client_email: 'reader@project.iam.gserviceaccount.com',
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
  const provider = gsCredentials({
    proxy: literalSecret(`http://${host}`),
    tls: { ca: certificate },
    credentials: { kind: 'google', json: literalSecret(JSON.stringify(account)) },
  });
  const token = await provider.get();
  t.like(token, { token: 'token' });
  t.true(isAboutAnHour(token?.expiresAtMs));
  t.deepEqual(tunnels, ['oauth2.googleapis.com:443']);
});

test.serial('the metadata server', async (t) => {
  const server = await startAnsweringServer(t, ({ target }) => ({
    header: { 'metadata-flavor': 'Google' },
    body: target.includes('/token') ? { access_token: 'of-instance', expires_in: 3600 } : 'x',
  }));
  await cleanEnvironment(t);
  Object.assign(process.env, {
    METADATA_SERVER_DETECTION: '',
    GCE_METADATA_HOST: server.origin.slice(7),
  });
  t.like(await gsCredentials({}).get(), { token: 'of-instance' });
  t.is(server.asked.at(-1)?.header['metadata-flavor'], 'Google');
});

test.serial('a metadata server that is none, or does not answer', async (t) => {
  const other = await startAnsweringServer(t, () => ({ status: 404, body: 'x' }));
  await cleanEnvironment(t);
  for (const host of [other.origin.slice(7), '127.0.0.1:1', 'not a host']) {
    Object.assign(process.env, { METADATA_SERVER_DETECTION: '', GCE_METADATA_HOST: host });
    t.is(await gsCredentials({}).get(), undefined, host);
  }
  t.is(other.asked.length, 1);
});

test.serial('none found means anonymous, and a sentence for a later refusal', async (t) => {
  await cleanEnvironment(t);
  const provider = gsCredentials({});
  t.is(await provider.get(), undefined);
  t.regex(
    provider.notFound ?? '',
    /^no credentials were found \(looked in: GOOGLE_APPLICATION_CREDENTIALS, /,
  );
});

test.serial('failures name no secret, and an outage is no refusal', async (t) => {
  const home = await cleanEnvironment(t);
  await writeFile(join(home, 'subject'), 'top-secret');
  await writeFile(join(home, 'wrong'), 'top-secret');
  const refusing = await startAnsweringServer(t, () => ({
    status: 400,
    body: { error: 'invalid_grant', error_description: 'expired' },
  }));
  const codes = { [`${refusing.origin}/token`]: 'ACCESS_DENIED', 'http://127.0.0.1:1/token': 'BUSY' };
  for (const [url, code] of Object.entries(codes)) {
    const json = literalSecret(federated(url, join(home, 'subject')));
    const error = await t.throwsAsync(
      async () => await gsCredentials({ credentials: { kind: 'google', json } }).get(),
      {
        instanceOf: SourceError,
      },
    );
    t.is<string | undefined, string>(error?.code, code);
    t.false(JSON.stringify([error, error?.message, error?.stack, error?.cause]).includes('top-secret'));
  }
  const wrong = gsCredentials({ credentials: { kind: 'google', json: fileSecret(join(home, 'wrong')) } });
  const error = await t.throwsAsync(async () => await wrong.get(), { instanceOf: SourceError });
  t.is(error?.code, 'NOT_CONFIGURED');
  t.false(JSON.stringify([error, error?.message, error?.stack]).includes('top-secret'));
});
