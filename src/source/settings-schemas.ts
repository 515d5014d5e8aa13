/** How the settings of each scheme are written in the configuration. Loaded only where there is one, for valibot takes time to load. */
import * as v from 'valibot';

import { defaultNetrc } from './auth/netrc.js';
import { fileSecret } from './auth/secret-source.js';
import { credentials, form } from './credentials-schema.js';
import { BUCKET_NAMES, GS_NAMES, HDFS_NAMES, S3_NAMES, withOwnNames } from './dragonfly-names.js';
import {
  baseUrl,
  choice,
  commandWords,
  flag,
  hostsByName,
  nameNodes,
  optional,
  origin,
  path,
  pathOrTrue,
  proxy,
  type Schema,
  secret,
  secretFile,
  secretsByName,
  section,
  text,
  urlPath,
} from './settings-parts.js';
import type { ConfiguredScheme, HttpSettings, SettingsByScheme } from './settings.js';

const TLS = {
  ca: optional(path),
  cert: optional(path),
  key: optional(path),
  keyPassword: optional(secret),
  verify: optional(flag),
};

/** Of every source that speaks HTTP. */
const HTTP_ALONE = {
  headers: optional(secretsByName('a mapping of header names to values', /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)),
  proxy: optional(proxy),
  tls: optional(section(TLS)),
};

/** Of those that can be read by way of a cluster of Dragonfly. */
const HTTP = {
  ...HTTP_ALONE,
  p2p: optional(flag),
  shareScope: optional(text),
};

const BUCKET = {
  ...HTTP,
  endpoint: optional(origin),
  region: optional(text),
  addressing: optional(choice('auto', 'virtual', 'path')),
};

const KEYS = form('keys', {
  accessKeyId: secret,
  accessKeySecret: secret,
  sessionToken: optional(secret),
});
const TOKEN = form('token', { token: secret });
const PASSWORD = form('password', { user: text, password: secret });
const USER = form('user', { user: text });
const COMMAND = form('command', { command: commandWords }, ({ command }) => ({ output: command }));
const PROFILE = form('profile', {
  profile: optional(text),
  roleArn: optional(text),
  externalId: optional(text),
});
const GOOGLE = form('google', { json: secret });
const GOOGLE_FILE = form('google', { file: secretFile }, ({ file }) => ({ json: file }));
const AZURE_KEY = form('key', { account: optional(text), key: secret });
const AZURE_SAS = form('sas', { account: optional(text), sas: secret });
const WEB_PASSWORD = form('password', {
  user: text,
  password: secret,
  auth: optional(choice('basic', 'digest')),
});
const NETRC = form('netrc', { netrc: pathOrTrue }, ({ netrc }) => ({
  file: netrc === true ? defaultNetrc() : fileSecret(netrc),
}));
const PRIVATE_KEY = form('private key', {
  user: optional(text),
  key: secret,
  passphrase: optional(secret),
});
const PRIVATE_KEY_FILE = form(
  'private key',
  { user: optional(text), keyFile: secretFile, passphrase: optional(secret) },
  ({ keyFile, ...fields }) => ({ ...fields, key: keyFile }),
);
const AGENT = form('agent', { user: optional(text), agent: pathOrTrue });
const DOCKER = form('docker', { dockerConfig: pathOrTrue }, ({ dockerConfig }) =>
  dockerConfig === true ? {} : { directory: dockerConfig },
);

const WEB = {
  ...HTTP,
  credentials: optional(credentials(['anonymous'], [WEB_PASSWORD, TOKEN, NETRC, COMMAND])),
};

const web: Schema<SettingsByScheme['https']> = section(WEB);

const webdav: Schema<SettingsByScheme['webdav']> = section({ ...WEB, root: optional(urlPath) });

const s3: Schema<SettingsByScheme['s3']> = section({
  ...BUCKET,
  credentials: optional(credentials(['anonymous'], [KEYS, PROFILE, COMMAND])),
  requesterPays: optional(flag),
});

const vendorBucket: Schema<SettingsByScheme['oss']> = section({
  ...BUCKET,
  credentials: optional(credentials(['anonymous'], [KEYS, COMMAND])),
  signature: optional(choice('vendor', 's3')),
  requesterPays: optional(flag),
});

const gs: Schema<SettingsByScheme['gs']> = section({
  ...BUCKET,
  credentials: optional(credentials(['anonymous'], [GOOGLE_FILE, GOOGLE, KEYS, TOKEN, COMMAND])),
  requesterPays: optional(text),
});

const abs: Schema<SettingsByScheme['abs']> = section({
  ...HTTP,
  endpoint: optional(origin),
  account: optional(text),
  credentials: optional(credentials(['anonymous', 'entra'], [AZURE_KEY, AZURE_SAS, TOKEN, COMMAND])),
});

const hub: Schema<SettingsByScheme['hf']> = section({
  ...HTTP,
  credentials: optional(credentials(['anonymous'], [TOKEN, COMMAND])),
  baseUrl: optional(baseUrl),
  revision: optional(text),
});

const oras: Schema<SettingsByScheme['oras']> = section({
  ...HTTP,
  credentials: optional(credentials(['anonymous'], [PASSWORD, TOKEN, DOCKER, COMMAND])),
  plainHttp: optional(flag),
});

const hdfs: Schema<SettingsByScheme['hdfs']> = section({
  ...HTTP_ALONE,
  credentials: optional(credentials(['anonymous'], [USER, TOKEN, COMMAND])),
  namenodes: optional(nameNodes),
  datanodes: optional(hostsByName),
});

const ftp: Schema<SettingsByScheme['ftp']> = section({
  tls: optional(section({ ...TLS, mode: optional(choice('explicit', 'implicit')) })),
  credentials: optional(credentials(['anonymous'], [PASSWORD, NETRC])),
});

const sftp: Schema<SettingsByScheme['sftp']> = section({
  proxy: optional(proxy),
  credentials: optional(credentials(['anonymous'], [USER, PASSWORD, PRIVATE_KEY_FILE, PRIVATE_KEY, AGENT])),
  knownHostsFile: optional(path),
});

/** Of a rule without a scheme: what all of them know. */
export const COMMON_SETTINGS: Schema<HttpSettings> = section(HTTP);

export const SETTINGS_SCHEMAS: { readonly [Scheme in ConfiguredScheme]: Schema<SettingsByScheme[Scheme]> } = {
  dfs: section({}),
  http: web,
  https: web,
  webdav,
  webdavs: webdav,
  dav: webdav,
  davs: webdav,
  s3: named(S3_NAMES, s3),
  oss: named(BUCKET_NAMES, vendorBucket),
  cos: named(BUCKET_NAMES, vendorBucket),
  obs: named(BUCKET_NAMES, vendorBucket),
  gs: named(GS_NAMES, gs),
  abs,
  hf: hub,
  modelscope: hub,
  opencsg: hub,
  oras,
  hdfs: named(HDFS_NAMES, hdfs),
  ftp,
  ftps: ftp,
  sftp,
};

function named<Output>(names: Readonly<Record<string, string>>, schema: Schema<Output>): Schema<Output> {
  return v.pipe(
    v.unknown(),
    v.transform((given) => withOwnNames(given, names)),
    schema,
  );
}
