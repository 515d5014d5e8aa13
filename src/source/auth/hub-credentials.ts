import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import type { HubSettings } from '../settings.js';
import { configuredToken } from './configured-credentials.js';
import type { BearerToken, CredentialProvider } from './credentials.js';
import { fixedCredentials, RefreshedCredentials } from './refreshed-credentials.js';
import { variable } from './variable.js';

interface Places {
  /** The values of environment variables. */
  readonly variables: readonly string[];
  /** Undefined: the hub's tools keep no token in a file. */
  readonly file: string | undefined;
  /** Where tokens of these places may go. */
  readonly hosts: readonly string[];
}

/**
 * The token of the rule, else that which the hub's own tools use. That one is sent to the hub itself alone, or to the mirror
 * that the environment names, and to no other `baseUrl` of a rule.
 */
export function hubCredentials(
  scheme: 'hf' | 'modelscope' | 'opencsg',
  { credentials, baseUrl }: HubSettings,
): CredentialProvider<BearerToken> {
  if (credentials?.kind === 'anonymous') return fixedCredentials<BearerToken>(undefined);
  if (credentials !== undefined) return configuredToken(credentials);
  const places = placesOf(scheme);
  if (baseUrl !== undefined && !places.hosts.includes(baseUrl.host)) {
    return fixedCredentials<BearerToken>(undefined, `no token was given in the rule for ${baseUrl.host}`);
  }
  return new RefreshedCredentials<BearerToken>(async () => {
    const token = await findToken(places);
    return token === undefined
      ? { credentials: undefined, notFound: sentence(places) }
      : { credentials: { token } };
  });
}

function placesOf(scheme: 'hf' | 'modelscope' | 'opencsg'): Places {
  switch (scheme) {
    case 'hf': {
      const isOff = /^(1|on|yes|true)$/i.test(variable('HF_HUB_DISABLE_IMPLICIT_TOKEN') ?? '');
      const cache = variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
      const home = variable('HF_HOME') ?? join(cache, 'huggingface');
      return {
        variables: isOff ? [] : ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'],
        file: isOff ? undefined : (variable('HF_TOKEN_PATH') ?? join(home, 'token')),
        hosts: ['huggingface.co', ...hostOf(variable('HF_ENDPOINT'))],
      };
    }
    case 'modelscope':
      return {
        variables: ['MODELSCOPE_API_TOKEN'],
        file: undefined,
        hosts: [
          'modelscope.cn',
          'www.modelscope.cn',
          'modelscope.ai',
          'www.modelscope.ai',
          ...hostOf(variable('MODELSCOPE_ENDPOINT')),
        ],
      };
    case 'opencsg': {
      const home = variable('CSGHUB_HOME');
      return {
        variables: ['CSGHUB_TOKEN'],
        file: variable('CSGHUB_TOKEN_PATH') ?? (home && join(home, 'token')),
        hosts: ['hub.opencsg.com', ...hostOf(variable('CSGHUB_DOMAIN'))],
      };
    }
  }
}

function hostOf(endpoint = ''): string[] {
  const text = endpoint.includes('://') ? endpoint : `https://${endpoint}`;
  return URL.canParse(text) ? [new URL(text).host] : [];
}

async function findToken({ variables, file }: Places): Promise<string | undefined> {
  const given = variables.map(variable).find((value) => value !== undefined);
  if (given !== undefined || file === undefined) return given;
  // Missing, or another user's: as if there were none, as the hub's tools do.
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

function sentence({ variables, file }: Places): string {
  const places = file === undefined ? variables : [...variables, file];
  return places.length === 0
    ? 'no token was given in the rule'
    : `no token was found (looked in: ${places.join(', ')})`;
}
