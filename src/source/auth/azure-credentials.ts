import { SourceError } from '../errors.js';
import type { AbsSettings } from '../settings.js';
import { azureEnvironment } from './azure-connection.js';
import { ConfiguredCredentials, configuredToken } from './configured-credentials.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import { entraCredentials } from './entra-credentials.js';
import { fixedCredentials } from './refreshed-credentials.js';
import { Secret } from './secret.js';
import type { AccessKey } from './signer.js';

/** For `azureSharedKey`, for `withSas`, or for `Authorization: Bearer`. */
export type AzureCredentials = AccessKey | SharedAccess | BearerToken;

export interface SharedAccess {
  readonly sas: Secret;
}

const LOOKED_IN =
  'no credentials were found (looked in: AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_ACCOUNT with AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN)';

/** The credentials of the rule, else those of the environment, for one account at `endpoint`. */
export function azureCredentials(
  { credentials, account: given }: AbsSettings,
  account: string,
  endpoint: URL,
): CredentialProvider<AzureCredentials> {
  if (credentials?.kind === 'key' || credentials?.kind === 'sas') {
    const own = credentials.account ?? given ?? account;
    if (own !== account) {
      const why = `no credentials were given for this account (those of the rule are for ${own})`;
      return fixedCredentials<AzureCredentials>(undefined, why);
    }
  }
  switch (credentials?.kind) {
    case undefined:
      return ofEnvironment(account, endpoint);
    case 'anonymous':
      return fixedCredentials<AzureCredentials>(undefined);
    case 'key':
      return new ConfiguredCredentials({ key: credentials.key }, ({ key }) => accessKey(account, key));
    case 'sas':
      return new ConfiguredCredentials({ sas: credentials.sas }, ({ sas }) => ({ sas: new Secret(sas) }));
    case 'token':
    case 'command':
      return configuredToken(credentials);
    case 'entra':
      return entraCredentials();
  }
}

/** A shared access signature is sent as it is, so only to where the environment says that it belongs. */
function ofEnvironment(account: string, endpoint: URL): CredentialProvider<AzureCredentials> {
  const connection = azureEnvironment();
  if (connection?.account === account) {
    const { key, sas } = connection;
    if (key !== undefined) return fixedCredentials<AzureCredentials>(accessKey(account, key.reveal()));
    if (sas !== undefined && connection.endpoint.origin === endpoint.origin) {
      return fixedCredentials<AzureCredentials>({ sas });
    }
  }
  return fixedCredentials<AzureCredentials>(undefined, LOOKED_IN);
}

function accessKey(account: string, key: string): AccessKey {
  // Node's decoder takes any text.
  if (/^[A-Za-z0-9+/]+=*$/.test(key)) return { accessKeyId: account, accessKeySecret: key };
  throw new SourceError('NOT_CONFIGURED', 'the key of the account cannot be used', 'azure:', {
    expected: 'a key in base64',
    found: 'another text',
  });
}
