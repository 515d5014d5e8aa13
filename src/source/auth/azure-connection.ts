import { SourceError } from '../errors.js';
import { Secret } from './secret.js';
import { variable } from './variable.js';

/** What Azure's own tools take from the environment, or from a connection string. */
export interface AzureConnection {
  readonly account: string;
  /** May have the account as its path (Azurite). */
  readonly endpoint: URL;
  readonly key?: Secret;
  readonly sas?: Secret;
}

/** Azurite's, which everybody knows. */
const DEVELOPMENT =
  'DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1';

/** `AZURE_STORAGE_CONNECTION_STRING`, or the variables for its parts. Undefined: there are none. */
export function azureEnvironment(): AzureConnection | undefined {
  const connection = variable('AZURE_STORAGE_CONNECTION_STRING');
  if (connection !== undefined) return parseConnectionString(connection);
  const account = variable('AZURE_STORAGE_ACCOUNT');
  if (account === undefined) return undefined;
  const [key, sas] = [variable('AZURE_STORAGE_KEY'), variable('AZURE_STORAGE_SAS_TOKEN')];
  return parts(account, blobEndpoint(account), key, sas);
}

/** `Name=value;…`, as the portal and the tools of Azure write it. */
export function parseConnectionString(text: string): AzureConnection {
  const pairs = text.split(';').map((pair) => /^\s*([^=]+)=(.*?)\s*$/.exec(pair)?.slice(1) ?? []);
  const values = new Map(pairs.map(([name = '', value = '']) => [name.toLowerCase(), value]));
  const of = (name: string): string => values.get(name.toLowerCase()) ?? '';
  if (of('UseDevelopmentStorage') === 'true') return parseConnectionString(DEVELOPMENT);
  const given = of('BlobEndpoint');
  const protocol = of('DefaultEndpointsProtocol') || 'https';
  const host = given === '' ? '' : hostOf(given);
  const account = of('AccountName') || (host.split('.')[0] ?? '');
  const endpoint = given || `${protocol}://${account}.blob.${of('EndpointSuffix') || 'core.windows.net'}`;
  if (account === '' || !URL.canParse(endpoint)) {
    throw new SourceError('NOT_CONFIGURED', 'the connection string cannot be used', 'azure:', {
      expected: 'AccountName=…;AccountKey=…, or BlobEndpoint=…;SharedAccessSignature=…',
      found: 'another text',
    });
  }
  return parts(account, new URL(endpoint), of('AccountKey'), of('SharedAccessSignature'));
}

function blobEndpoint(account: string): URL {
  return new URL(`https://${account}.blob.core.windows.net`);
}

function hostOf(endpoint: string): string {
  return URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
}

function parts(account: string, endpoint: URL, key = '', sas = ''): AzureConnection {
  return {
    account,
    endpoint,
    ...(key !== '' && { key: new Secret(key) }),
    ...(sas !== '' && { sas: new Secret(sas) }),
  };
}
