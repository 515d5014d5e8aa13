/** The credentials of s3, oss, cos, obs and gs: those of the rule, else those that the vendor's own tools would find. */
import type { GsSettings, S3Settings, VendorBucketSettings } from '../settings.js';
import { awsCredentials } from './aws-credentials.js';
import { configuredKeys, configuredToken } from './configured-credentials.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import { environmentKeys } from './environment-keys.js';
import { googleCredentials } from './google-credentials.js';
import { fixedCredentials } from './refreshed-credentials.js';
import type { AccessKey } from './signer.js';

export function s3Credentials(settings: S3Settings): CredentialProvider<AccessKey> {
  const { credentials } = settings;
  switch (credentials?.kind) {
    case undefined:
      return awsCredentials(settings);
    case 'anonymous':
      return fixedCredentials<AccessKey>(undefined);
    case 'profile':
      return awsCredentials(settings, credentials);
    case 'keys':
    case 'command':
      return configuredKeys(credentials);
  }
}

export function vendorCredentials(
  scheme: 'oss' | 'cos' | 'obs',
  { credentials }: VendorBucketSettings,
): CredentialProvider<AccessKey> {
  if (credentials === undefined) return environmentKeys(scheme);
  return credentials.kind === 'anonymous'
    ? fixedCredentials<AccessKey>(undefined)
    : configuredKeys(credentials);
}

/** `Keys` are HMAC keys. */
export function gsCredentials(settings: GsSettings): CredentialProvider<AccessKey | BearerToken> {
  const { credentials, endpoint } = settings;
  switch (credentials?.kind) {
    case undefined:
      // A token is a secret, which a host of another owner could use at Google.
      return isGoogle(endpoint)
        ? googleCredentials(settings)
        : fixedCredentials<BearerToken>(undefined, FOREIGN);
    case 'anonymous':
      return fixedCredentials<BearerToken>(undefined);
    case 'google':
      return googleCredentials(settings, credentials.json);
    case 'keys':
      return configuredKeys(credentials);
    case 'token':
    case 'command':
      return configuredToken(credentials);
  }
}

const FOREIGN = "no credentials were given in the rule, and Google's own are not sent to another endpoint";

function isGoogle(endpoint: URL | undefined): boolean {
  return (
    endpoint === undefined ||
    (endpoint.protocol === 'https:' && /(^|\.)googleapis\.com$/.test(endpoint.hostname))
  );
}
