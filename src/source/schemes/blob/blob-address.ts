/** Where a container is: by the host of the URL, the settings and the environment. */
import { azureEnvironment } from '../../auth/azure-connection.js';
import { SourceError } from '../../errors.js';
import type { AbsSettings } from '../../settings.js';
import { keyOf } from '../bucket/object-key.js';

/** An account, and where its containers are. */
export interface BlobAccount {
  readonly account: string;
  /** Ends with a slash. Emulators have the account in the path. */
  readonly endpoint: URL;
}

export interface BlobPlace {
  /** Empty: the root of an account. */
  readonly container: string;
  /** Empty: the root of the container. */
  readonly key: string;
}

const SUFFIX = '.blob.core.windows.net';
/** Of Azure's clouds and zones alone: what is signed for an account elsewhere would be valid there. */
const ACCOUNT_HOST =
  /^([a-z0-9]{3,24})\.(?:z\d{1,2}\.|privatelink\.)?blob\.(?:core\.(?:windows\.net|chinacloudapi\.cn|usgovcloudapi\.net|cloudapi\.de)|storage\.azure\.net)$/;

/**
 * `abs://<account>.blob.core.windows.net/container/blob`, or Dragonfly's `abs://container/blob`, of an account that the
 * settings or the environment name.
 */
export function blobAccount(host: string, settings: AbsSettings): BlobAccount {
  const ofHost = ACCOUNT_HOST.exec(host)?.[1];
  if (ofHost !== undefined) {
    return accountAt(ofHost, settings.endpoint ?? new URL(`https://${host}`));
  }
  const connection = azureEnvironment();
  const { credentials } = settings;
  const ofRule = credentials?.kind === 'key' || credentials?.kind === 'sas' ? credentials.account : undefined;
  const account = settings.account ?? ofRule ?? connection?.account;
  if (account === undefined) {
    throw new SourceError('NOT_CONFIGURED', 'abs needs an account', `abs://${host}`, {
      expected: `abs/<account>${SUFFIX}/<container>, or the setting account`,
      found: 'neither a host with an account nor an account in the configuration',
    });
  }
  const ofEnvironment = connection?.account === account ? connection.endpoint : undefined;
  return accountAt(account, settings.endpoint ?? ofEnvironment ?? new URL(`https://${account}${SUFFIX}`));
}

/** Where the host is that of an account, the container is the first segment of the path. */
export function blobPlace(url: URL): BlobPlace {
  const key = keyOf(url);
  if (!ACCOUNT_HOST.test(url.host)) return { container: url.host, key };
  const slash = key.indexOf('/');
  return slash === -1
    ? { container: key, key: '' }
    : { container: key.slice(0, slash), key: key.slice(slash + 1) };
}

/** Without the account in its host, it is in the path. */
function accountAt(account: string, endpoint: URL): BlobAccount {
  const base = new URL(endpoint);
  if (base.pathname === '/' && !base.hostname.startsWith(`${account}.`)) base.pathname = `/${account}/`;
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  return { account, endpoint: base };
}
