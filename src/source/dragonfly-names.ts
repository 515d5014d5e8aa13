/**
 * The names of Dragonfly's own options, which its documents give as headers (docs of d7y.io; pkg/source/clients): as settings
 * of a rule, or below its `headers`, they mean the settings of this program.
 */

/** By the name in lower case; `credentials.…` is a part of `credentials`. */
type Names = Readonly<Record<string, string>>;

const KEYS: Names = {
  accesskeyid: 'credentials.accessKeyId',
  accesskeysecret: 'credentials.accessKeySecret',
  securitytoken: 'credentials.sessionToken',
};

export const BUCKET_NAMES: Names = { ...KEYS, endpoint: 'endpoint' };

export const S3_NAMES: Names = {
  awsregion: 'region',
  awsendpoint: 'endpoint',
  awsaccesskeyid: 'credentials.accessKeyId',
  awssecretaccesskey: 'credentials.accessKeySecret',
  awssessiontoken: 'credentials.sessionToken',
  awss3forcepathstyle: 'addressing',
};

export const GS_NAMES: Names = { gscredentialsjsonbase64: 'credentials.json' };

export const HDFS_NAMES: Names = {
  'hdfs-delegation-token': 'credentials.token',
  hdfsdelegationtoken: 'credentials.token',
  delegationtoken: 'credentials.token',
};

/** Inside `credentials`. */
const CREDENTIAL_NAMES: Names = {
  accesskeyid: 'accessKeyId',
  accesskeysecret: 'accessKeySecret',
  secretaccesskey: 'accessKeySecret',
  securitytoken: 'sessionToken',
  delegationtoken: 'token',
};

type Mapping = Readonly<Record<string, unknown>>;

/** The same settings under the names of this program. Names that are not Dragonfly's stay as they are. */
export function withOwnNames(given: unknown, names: Names): unknown {
  if (!isMapping(given)) return given;
  const { headers, credentials, ...settings } = given;
  const renamed: Record<string, unknown> = {};
  const parts: Record<string, unknown> = {};
  const place = (name: string, value: unknown, own: string): void => {
    const [section, part] = own.split('.');
    if (section === 'credentials' && part !== undefined) parts[part] = decoded(name, value);
    else renamed[own] = decoded(name, value);
  };
  for (const [name, value] of Object.entries(settings)) place(name, value, names[name.toLowerCase()] ?? name);
  if (isMapping(headers)) {
    const others = Object.entries(headers).filter(([name, value]) => {
      const own = names[name.toLowerCase()];
      if (own !== undefined) place(name, value, own);
      return own === undefined;
    });
    if (others.length > 0 || Object.keys(headers).length === 0)
      renamed['headers'] = Object.fromEntries(others);
  } else if ('headers' in given) {
    renamed['headers'] = headers;
  }
  if (Object.keys(parts).length === 0) {
    return 'credentials' in given ? { ...renamed, credentials: withOwnKeys(credentials) } : renamed;
  }
  // Both: the schema refuses what is no text.
  return { ...renamed, credentials: 'credentials' in given ? [credentials, parts] : parts };
}

function withOwnKeys(credentials: unknown): unknown {
  if (!isMapping(credentials)) return credentials;
  return Object.fromEntries(
    Object.entries(credentials).map(([name, value]) => [CREDENTIAL_NAMES[name.toLowerCase()] ?? name, value]),
  );
}

/** Where Dragonfly writes the value in another way. */
function decoded(name: string, value: unknown): unknown {
  const known = name.toLowerCase();
  if (known === 'awss3forcepathstyle') return String(value) === 'true' ? 'path' : 'auto';
  if (known === 'gscredentialsjsonbase64' && typeof value === 'string' && !value.startsWith('file:')) {
    return Buffer.from(value, 'base64').toString();
  }
  return value;
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
