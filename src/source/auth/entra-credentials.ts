import { codeOf } from '../../error-code.js';
import { SourceError } from '../errors.js';
import { credentialFailure } from './credential-failure.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import { RefreshedCredentials } from './refreshed-credentials.js';

const SCOPE = 'https://storage.azure.com/.default';
/** Later ones of 4.13 need Node 22. */
const WANTED = '@azure/identity@4.13.1';

/** What is used of @azure/identity. */
export interface AzureIdentity {
  readonly DefaultAzureCredential: new () => {
    getToken(scope: string): Promise<{ readonly token: string; readonly expiresOnTimestamp: number }>;
  };
}

/** Tokens of Microsoft Entra: environment, workload identity, managed identity, `az login`. */
export function entraCredentials(
  load: () => Promise<AzureIdentity> = loadIdentity,
): CredentialProvider<BearerToken> {
  return new RefreshedCredentials<BearerToken>(async () => {
    try {
      const { DefaultAzureCredential } = await load();
      const { token, expiresOnTimestamp } = await new DefaultAzureCredential().getToken(SCOPE);
      return { credentials: { token, expiresAtMs: expiresOnTimestamp } };
    } catch (error) {
      throw credentialFailure('azure:', error);
    }
  });
}

/** Of 52 MB, so an optional peer: most users of Azure have a key or a signature. */
async function loadIdentity(): Promise<AzureIdentity> {
  // Not a literal: it need not be there when the types are checked.
  const name: string = '@azure/identity';
  try {
    return (await import(name)) as AzureIdentity;
  } catch (error) {
    if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new SourceError('NOT_CONFIGURED', 'credentials of Entra need another package', 'azure:', {
      expected: `npm install --no-save ${WANTED}, in the folder of d7y-mount`,
      found: 'no @azure/identity',
    });
  }
}
