import type { OrasSettings } from '../settings.js';
import { ConfiguredCredentials } from './configured-credentials.js';
import type { CredentialProvider } from './credentials.js';
import { dockerConfigFiles, findLogin, helperLogin, type RegistryLogin } from './docker-config.js';
import { fixedCredentials, RefreshedCredentials } from './refreshed-credentials.js';

/** The login of the rule, else that of docker or podman, for a repository of a registry. */
export function registryCredentials(
  { credentials }: OrasSettings,
  registry: string,
  repository: string,
): CredentialProvider<RegistryLogin> {
  switch (credentials?.kind) {
    case 'anonymous':
      return fixedCredentials<RegistryLogin>(undefined);
    case 'password': {
      const { user, password } = credentials;
      return new ConfiguredCredentials({ password }, (texts) => ({ user, password: texts.password }));
    }
    case 'token':
      return new ConfiguredCredentials({ token: credentials.token }, ({ token }) => ({
        identityToken: token,
      }));
    case 'command':
      return new ConfiguredCredentials({ output: credentials.output }, ({ output }) => printedLogin(output));
    case undefined:
    case 'docker': {
      const files = dockerConfigFiles(credentials?.directory);
      return new RefreshedCredentials<RegistryLogin>(async () => {
        const missing = new Set<string>();
        const login = await findLogin(files, registry, repository, missing);
        if (login !== undefined) return { credentials: login };
        const helpers = [...missing].map((name) => `; ${name} is not installed`).join('');
        const notFound = `no login for ${registry} was found (looked in: ${files.join(', ')}${helpers})`;
        return { credentials: undefined, notFound };
      });
    }
  }
}

/** A command prints an identity token, or JSON in the form of docker's credential helpers. */
function printedLogin(output: string): RegistryLogin {
  return helperLogin(output) ?? { identityToken: output };
}
