/**
 * Where sources find credentials that no rule has. The values distinguish one user's credentials from another's, so that what was
 * fetched with them is stored apart, also from what a rule fetched as `anonymous`.
 */
import process from 'node:process';

/** Those that `src/source/auth` reads and that identify; session tokens do not, and are renewed each hour. */
export const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  s3: [
    'AWS_PROFILE',
    'AWS_ACCESS_KEY_ID',
    'AWS_ROLE_ARN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_SHARED_CREDENTIALS_FILE',
    'AWS_CONFIG_FILE',
    'AWS_ENDPOINT_URL',
    'AWS_ENDPOINT_URL_S3',
  ],
  oss: ['ALIBABA_CLOUD_ACCESS_KEY_ID', 'OSS_ACCESS_KEY_ID'],
  cos: ['TENCENTCLOUD_SECRET_ID'],
  obs: ['HUAWEI_CLOUD_ACCESS_KEY_ID', 'OBS_ACCESS_KEY_ID'],
  gs: ['GOOGLE_APPLICATION_CREDENTIALS', 'google_application_credentials', 'CLOUDSDK_CONFIG'],
  abs: [
    'AZURE_STORAGE_CONNECTION_STRING',
    'AZURE_STORAGE_ACCOUNT',
    'AZURE_STORAGE_KEY',
    'AZURE_STORAGE_SAS_TOKEN',
    'AZURE_CLIENT_ID',
    'AZURE_TENANT_ID',
  ],
  hf: [
    'HF_TOKEN',
    'HUGGING_FACE_HUB_TOKEN',
    'HF_TOKEN_PATH',
    'HF_HOME',
    'HF_HUB_DISABLE_IMPLICIT_TOKEN',
    'HF_ENDPOINT',
  ],
  modelscope: ['MODELSCOPE_API_TOKEN', 'MODELSCOPE_ENDPOINT'],
  opencsg: ['CSGHUB_TOKEN', 'CSGHUB_TOKEN_PATH', 'CSGHUB_HOME', 'CSGHUB_DOMAIN'],
  hdfs: ['HADOOP_USER_NAME'],
  oras: ['DOCKER_CONFIG', 'REGISTRY_AUTH_FILE'],
  // Its `.ssh` has the keys.
  sftp: ['HOME'],
};

/** Those of them that say where a source reads, also with credentials of a rule. */
const PLACES = new Set([
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'AZURE_STORAGE_CONNECTION_STRING',
  'AZURE_STORAGE_ACCOUNT',
  'HF_ENDPOINT',
  'MODELSCOPE_ENDPOINT',
]);

const known = new Map<string, string>();
const places = new Map<string, string | undefined>();

/** Of a scheme; undefined: its source looks nowhere. */
export function defaultCredentials(scheme: string): string | undefined {
  const names = VARIABLES[scheme];
  if (names === undefined) return undefined;
  const found = known.get(scheme) ?? JSON.stringify(names.map((name) => process.env[name] ?? null));
  known.set(scheme, found);
  return found;
}

/** Where a source with credentials of a rule reads by default; undefined: the environment does not say. */
export function defaultPlace(scheme: string): string | undefined {
  if (places.has(scheme)) return places.get(scheme);
  const names = (VARIABLES[scheme] ?? []).filter((name) => PLACES.has(name));
  const values = names.map((name) => process.env[name] ?? null);
  const found = values.every((value) => value === null) ? undefined : JSON.stringify(values);
  places.set(scheme, found);
  return found;
}
