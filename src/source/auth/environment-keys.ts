import type { CredentialProvider } from './credentials.js';
import { fixedCredentials } from './refreshed-credentials.js';
import type { AccessKey } from './signer.js';
import { variable } from './variable.js';

/** Of environment variables. */
interface Names {
  readonly id: string;
  readonly secret: string;
  readonly token: string;
}

/** As the vendors' command lines and SDKs have them; those of the store before those of all of the vendor's services. */
const VARIABLES: { readonly [Scheme in 'oss' | 'cos' | 'obs']: readonly Names[] } = {
  oss: [
    { id: 'OSS_ACCESS_KEY_ID', secret: 'OSS_ACCESS_KEY_SECRET', token: 'OSS_SESSION_TOKEN' },
    {
      id: 'ALIBABA_CLOUD_ACCESS_KEY_ID',
      secret: 'ALIBABA_CLOUD_ACCESS_KEY_SECRET',
      token: 'ALIBABA_CLOUD_SECURITY_TOKEN',
    },
  ],
  cos: [{ id: 'TENCENTCLOUD_SECRET_ID', secret: 'TENCENTCLOUD_SECRET_KEY', token: 'TENCENTCLOUD_TOKEN' }],
  obs: [
    { id: 'OBS_ACCESS_KEY_ID', secret: 'OBS_SECRET_ACCESS_KEY', token: 'OBS_SECURITY_TOKEN' },
    {
      id: 'HUAWEI_CLOUD_ACCESS_KEY_ID',
      secret: 'HUAWEI_CLOUD_SECRET_ACCESS_KEY',
      token: 'HUAWEI_CLOUD_SECURITY_TOKEN',
    },
  ],
};

/** Keys of one of the vendors that have no chain of providers of their own for Node. */
export function environmentKeys(scheme: keyof typeof VARIABLES): CredentialProvider<AccessKey> {
  const names = VARIABLES[scheme];
  const found = names.map(environmentKey).find((key) => key !== undefined);
  const lookedIn = names.map(({ id }) => id).join(', ');
  const notFound = `no credentials were found (looked in: ${lookedIn})`;
  return fixedCredentials(found, found === undefined ? notFound : undefined);
}

export function environmentKey({ id, secret, token }: Names): AccessKey | undefined {
  const [accessKeyId, accessKeySecret, sessionToken] = [variable(id), variable(secret), variable(token)];
  if (accessKeyId === undefined || accessKeySecret === undefined) return undefined;
  return { accessKeyId, accessKeySecret, ...(sessionToken !== undefined && { sessionToken }) };
}
