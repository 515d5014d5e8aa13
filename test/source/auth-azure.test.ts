import process from 'node:process';

import test from 'ava';

import { azureEnvironment, parseConnectionString } from '../../src/source/auth/azure-connection.js';
import { azureCredentials } from '../../src/source/auth/azure-credentials.js';
import { entraCredentials } from '../../src/source/auth/entra-credentials.js';
import { literalSecret } from '../../src/source/auth/secret-source.js';
import { SourceError } from '../../src/source/errors.js';

const ENDPOINT = new URL('https://acc.blob.core.windows.net');

function onlyEnvironment(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AZURE_')) delete process.env[name];
  Object.assign(process.env, variables);
}

test('connection strings', (t) => {
  const key = parseConnectionString(
    'DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5PT0=;EndpointSuffix=core.chinacloudapi.cn',
  );
  t.is(key.account, 'acc');
  t.is(key.key?.reveal(), 'a2V5PT0=');
  t.is(key.endpoint.href, 'https://acc.blob.core.chinacloudapi.cn/');
  const sas = parseConnectionString(
    'BlobEndpoint=https://acc.blob.core.windows.net/;SharedAccessSignature=sv=2021&sig=a%3D; ',
  );
  t.is(sas.account, 'acc');
  t.is(sas.sas?.reveal(), 'sv=2021&sig=a%3D');
  t.is(sas.key, undefined);
  const development = parseConnectionString('UseDevelopmentStorage=true');
  t.is(development.endpoint.href, 'http://127.0.0.1:10000/devstoreaccount1');
  t.is(development.account, 'devstoreaccount1');
  for (const wrong of ['', 'top-secret', 'AccountKey=top-secret', 'BlobEndpoint=top-secret']) {
    const error = t.throws(() => parseConnectionString(wrong), { instanceOf: SourceError });
    t.is(error?.code, 'NOT_CONFIGURED');
    t.false(JSON.stringify([error, error?.message]).includes('top-secret'));
  }
});

test.serial('the environment serves its own account, and a signature goes to its own endpoint', async (t) => {
  onlyEnvironment({ AZURE_STORAGE_ACCOUNT: 'acc', AZURE_STORAGE_KEY: 'a2V5' });
  t.deepEqual(await azureCredentials({}, 'acc', ENDPOINT).get(), {
    accessKeyId: 'acc',
    accessKeySecret: 'a2V5',
  });
  const foreign = azureCredentials({}, 'other', ENDPOINT);
  t.is(await foreign.get(), undefined);
  t.regex(
    foreign.notFound ?? '',
    /^no credentials were found \(looked in: AZURE_STORAGE_CONNECTION_STRING, /,
  );
  onlyEnvironment({ AZURE_STORAGE_ACCOUNT: 'acc', AZURE_STORAGE_SAS_TOKEN: 'sv=1&sig=x' });
  const given = await azureCredentials({}, 'acc', ENDPOINT).get();
  t.true(given !== undefined && 'sas' in given && given.sas.reveal() === 'sv=1&sig=x');
  t.is(await azureCredentials({}, 'acc', new URL('https://elsewhere.example')).get(), undefined);
  onlyEnvironment({ AZURE_STORAGE_CONNECTION_STRING: 'AccountName=acc;AccountKey=a2V5' });
  t.deepEqual(await azureCredentials({}, 'acc', ENDPOINT).get(), {
    accessKeyId: 'acc',
    accessKeySecret: 'a2V5',
  });
  onlyEnvironment({});
  t.is(azureEnvironment(), undefined);
});

test.serial('the credentials of the rule', async (t) => {
  onlyEnvironment({ AZURE_STORAGE_ACCOUNT: 'acc', AZURE_STORAGE_KEY: 'a2V5' });
  const secret = literalSecret('c2VjcmV0');
  const key = azureCredentials({ credentials: { kind: 'key', key: secret } }, 'acc', ENDPOINT);
  t.deepEqual(await key.get(), { accessKeyId: 'acc', accessKeySecret: 'c2VjcmV0' });
  const sas = await azureCredentials({ credentials: { kind: 'sas', sas: secret } }, 'acc', ENDPOINT).get();
  t.true(sas !== undefined && 'sas' in sas && sas.sas.reveal() === 'c2VjcmV0');
  t.false(JSON.stringify(sas).includes('c2VjcmV0'));
  for (const settings of [
    { credentials: { kind: 'sas', account: 'acc', sas: secret } },
    { account: 'acc', credentials: { kind: 'sas', sas: secret } },
    { account: 'other', credentials: { kind: 'key', account: 'acc', key: secret } },
  ] as const) {
    t.not(await azureCredentials(settings, 'acc', ENDPOINT).get(), undefined);
    const elsewhere = azureCredentials(settings, 'other', new URL('https://other.blob.core.windows.net'));
    t.is(await elsewhere.get(), undefined);
    t.regex(elsewhere.notFound ?? '', /are for acc/);
  }
  t.deepEqual(
    await azureCredentials({ credentials: { kind: 'token', token: secret } }, 'acc', ENDPOINT).get(),
    { token: 'c2VjcmV0' },
  );
  t.is(await azureCredentials({ credentials: { kind: 'anonymous' } }, 'acc', ENDPOINT).get(), undefined);
  const wrong = azureCredentials(
    { credentials: { kind: 'key', key: literalSecret('no base64!') } },
    'acc',
    ENDPOINT,
  );
  const error = await t.throwsAsync(async () => await wrong.get(), { instanceOf: SourceError });
  t.is(error?.code, 'NOT_CONFIGURED');
  t.false(JSON.stringify([error, error?.message]).includes('no base64!'));
});

test('Entra needs a package, and says how to add it', async (t) => {
  const error = await t.throwsAsync(
    async () => await azureCredentials({ credentials: { kind: 'entra' } }, 'acc', ENDPOINT).get(),
    { instanceOf: SourceError },
  );
  t.is(error?.code, 'NOT_CONFIGURED');
  t.regex(error?.expected ?? '', /npm install --no-save @azure\/identity@4/);
});

test('tokens of Entra', async (t) => {
  const expiresOnTimestamp = Date.now() + 3_600_000;
  const scopes: string[] = [];
  class DefaultAzureCredential {
    getToken(scope: string) {
      scopes.push(scope);
      return Promise.resolve({ token: `token-${scopes.length}`, expiresOnTimestamp });
    }
  }
  const provider = entraCredentials(() => Promise.resolve({ DefaultAzureCredential }));
  t.deepEqual(await provider.get(), { token: 'token-1', expiresAtMs: expiresOnTimestamp });
  t.deepEqual(await provider.get(), { token: 'token-1', expiresAtMs: expiresOnTimestamp });
  t.deepEqual(scopes, ['https://storage.azure.com/.default']);
});
