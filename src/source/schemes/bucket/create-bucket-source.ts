import { gsCredentials, s3Credentials, vendorCredentials } from '../../auth/bucket-credentials.js';
import type { CredentialProvider } from '../../auth/credentials.js';
import type { Awaitable } from '../../../awaitable.js';
import type { GsSettings, S3Settings, VendorBucketSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { withAwsEnvironment } from './aws-environment.js';
import { BucketAccess, type BucketCredentials } from './bucket-access.js';
import { createBucketClient } from './bucket-client.js';
import type { BucketScheme } from './dialects.js';

type BucketSettings = S3Settings | VendorBucketSettings | GsSettings;

export function createBucketSource(context: SourceContext): SourceClient {
  const { engine, log } = context;
  const scheme = context.scheme as BucketScheme;
  /** By the settings, which are the same object while the configuration is the same. */
  const accesses = new WeakMap<BucketSettings, Awaitable<BucketAccess>>();
  return createBucketClient({
    engine,
    log,
    peers: context.peers,
    accessFor: (url) => {
      const settings = context.settingsFor(url) as BucketSettings;
      const known = accesses.get(settings);
      if (known !== undefined) return known;
      const made = accessOf(scheme, settings).then((access) => {
        accesses.set(settings, access);
        return access;
      });
      accesses.set(settings, made);
      return made;
    },
  });
}

async function accessOf(scheme: BucketScheme, settings: BucketSettings): Promise<BucketAccess> {
  const all = scheme === 's3' ? await withAwsEnvironment(settings as S3Settings) : settings;
  return new BucketAccess(scheme, all, credentialsOf(scheme, settings));
}

function credentialsOf(
  scheme: BucketScheme,
  settings: BucketSettings,
): CredentialProvider<BucketCredentials> {
  if (scheme === 's3') return s3Credentials(settings as S3Settings);
  if (scheme === 'gs') return gsCredentials(settings as GsSettings);
  return vendorCredentials(scheme, settings as VendorBucketSettings);
}
