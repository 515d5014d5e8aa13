import process from 'node:process';

import type { AwsProfile, HttpSettings, S3Settings } from '../settings.js';
import { awsRegion } from './aws-region.js';
import { credentialFailure } from './credential-failure.js';
import type { CredentialProvider } from './credentials.js';
import { environmentKey } from './environment-keys.js';
import { type Fetched, RefreshedCredentials } from './refreshed-credentials.js';
import type { AccessKey } from './signer.js';
import { variable } from './variable.js';
import { vendorAgent } from './vendor-agent.js';

/** Of the metadata service of EC2: elsewhere nothing answers at its address. */
const METADATA_TIMEOUT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;
const DEFAULT_REGION = 'us-east-1';
const SERVICE = 'https://sts.amazonaws.com/';
const NONE_FOUND = /^Could not load credentials from any providers/;
const LOOKED_IN =
  'no credentials were found (looked in: the environment, the files of ~/.aws, web identity, container and EC2 metadata)';

type AwsSettings = HttpSettings & Pick<S3Settings, 'endpoint' | 'region'>;

/** AWS's own chain of providers; `profile`: that of the rule, if it has one. */
export function awsCredentials(settings: AwsSettings, profile?: AwsProfile): CredentialProvider<AccessKey> {
  return new RefreshedCredentials(async () => {
    const found = profile === undefined ? plainKey() : undefined;
    return found === undefined ? await fromChain(settings, profile) : { credentials: found };
  });
}

/** Spares the 80 ms that AWS's packages take to load. As in AWS's chain, a profile comes first. */
function plainKey(): AccessKey | undefined {
  if (variable('AWS_PROFILE') !== undefined) return undefined;
  return environmentKey({
    id: 'AWS_ACCESS_KEY_ID',
    secret: 'AWS_SECRET_ACCESS_KEY',
    token: 'AWS_SESSION_TOKEN',
  });
}

async function fromChain(
  settings: AwsSettings,
  { profile, roleArn, externalId }: Partial<AwsProfile> = {},
): Promise<Fetched<AccessKey>> {
  // Otherwise the packages print for which versions of Node their successors will be.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  try {
    const { fromNodeProviderChain, fromTemporaryCredentials } = await import('@aws-sdk/credential-providers');
    const clientConfig = await clientConfigOf(settings, profile);
    const chain = fromNodeProviderChain({
      ...(profile !== undefined && { profile }),
      timeout: METADATA_TIMEOUT_MS,
      maxRetries: 0,
      // A new login is seen without a remount.
      ignoreCache: true,
      clientConfig,
      logger: QUIET,
    });
    const provider =
      roleArn === undefined
        ? chain
        : fromTemporaryCredentials({
            masterCredentials: chain,
            params: {
              RoleArn: roleArn,
              RoleSessionName: 'd7y-mount',
              ...(externalId !== undefined && { ExternalId: externalId }),
            },
            clientConfig,
          });
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
    return {
      credentials: {
        accessKeyId,
        accessKeySecret: secretAccessKey,
        ...(sessionToken !== undefined && { sessionToken }),
        ...(expiration !== undefined && { expiresAtMs: expiration.getTime() }),
      },
    };
  } catch (error) {
    const isDemanded =
      profile !== undefined || roleArn !== undefined || variable('AWS_PROFILE') !== undefined;
    if (!isDemanded && error instanceof Error && NONE_FOUND.test(error.message)) {
      return { credentials: undefined, notFound: LOOKED_IN };
    }
    throw credentialFailure('aws:', error);
  }
}

async function clientConfigOf(settings: AwsSettings, profile: string | undefined): Promise<object> {
  const httpsAgent = await vendorAgent(settings, SERVICE);
  // A store of another vendor has regions of its own.
  const ofStore = settings.endpoint === undefined ? settings.region : undefined;
  return {
    // For STS and SSO. Without any, AWS's packages print a warning.
    region: (await awsRegion(profile)) ?? ofStore ?? DEFAULT_REGION,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      ...(httpsAgent !== undefined && { httpsAgent }),
    },
  };
}

const ignore = (): void => undefined;
/** Otherwise AWS's packages print warnings. */
const QUIET = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };
