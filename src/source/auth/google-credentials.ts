import type { HttpSettings } from '../settings.js';
import { SourceError } from '../errors.js';
import { credentialFailure } from './credential-failure.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import { hasGoogleDefault } from './google-default.js';
import { type Fetched, RefreshedCredentials } from './refreshed-credentials.js';
import type { SecretSource } from './secret-source.js';
import type { Secret } from './secret.js';
import { vendorAgent } from './vendor-agent.js';

const SCOPES = ['https://www.googleapis.com/auth/devstorage.read_only'];
const SERVICE = 'https://oauth2.googleapis.com/';
const NONE_FOUND = /^Could not load the default credentials/;
const LOOKED_IN =
  'no credentials were found (looked in: GOOGLE_APPLICATION_CREDENTIALS, the file of gcloud, the metadata server)';

/** Tokens by google-auth-library: of `json`, credentials in any of Google's forms; of the application default, without it. */
export function googleCredentials(
  settings: HttpSettings,
  json?: SecretSource,
): CredentialProvider<BearerToken> {
  let used: Secret | undefined;
  return new RefreshedCredentials(async (isForced) => {
    if (json === undefined) {
      if (!(await hasGoogleDefault())) return { credentials: undefined, notFound: LOOKED_IN };
      return await fetchToken(settings, undefined);
    }
    used = isForced && used !== undefined ? await json.renew(used) : await json.get();
    return await fetchToken(settings, parse(used.reveal()));
  });
}

async function fetchToken(
  settings: HttpSettings,
  credentials: object | undefined,
): Promise<Fetched<BearerToken>> {
  try {
    const { GoogleAuth } = await import('google-auth-library');
    const agent = await vendorAgent(settings, SERVICE);
    const auth = new GoogleAuth({
      scopes: SCOPES,
      // Unused; otherwise the library asks Google for it.
      projectId: 'none',
      ...(credentials !== undefined && { credentials }),
      ...(agent !== undefined && { clientOptions: { transporterOptions: { agent } } }),
    });
    const client = await auth.getClient();
    const { token } = await client.getAccessToken();
    if (typeof token !== 'string') throw new Error('an answer without a token');
    const { expiry_date: expiresAtMs } = client.credentials;
    return { credentials: { token, ...(typeof expiresAtMs === 'number' && { expiresAtMs }) } };
  } catch (error) {
    if (credentials === undefined && error instanceof Error && NONE_FOUND.test(error.message)) {
      return { credentials: undefined, notFound: LOOKED_IN };
    }
    throw credentialFailure('google:', error);
  }
}

/** Dragonfly has it in base64. */
function parse(text: string): object {
  const json = text.startsWith('{') ? text : Buffer.from(text, 'base64').toString();
  try {
    const value = JSON.parse(json) as unknown;
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Its message has a piece of the text.
  }
  throw new SourceError('NOT_CONFIGURED', 'the configured credentials cannot be used', 'google:', {
    expected: "JSON, as Google's console gives it",
    found: 'another text',
  });
}
