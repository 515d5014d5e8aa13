import { configuredHeaders } from '../../auth/configured-credentials.js';
import type { BearerToken, CredentialProvider } from '../../auth/credentials.js';
import type { Authorizer } from '../../http/authorizer.js';
import type { HubSettings } from '../../settings.js';

export type TokenHeader = (token: string) => Readonly<Record<string, string>>;

/** The token of a hub and the configured headers, sent to its own origin alone: files are behind redirects to others. */
export function hubAuthorizer(
  base: URL,
  tokens: CredentialProvider<BearerToken>,
  { headers = {} }: Pick<HubSettings, 'headers'>,
  headerOf: TokenHeader,
): Authorizer {
  const configured = configuredHeaders(headers);
  let sent: BearerToken | undefined;
  return {
    authorize: async ({ url }, signal) => {
      if (url.origin !== base.origin) return undefined;
      sent = await tokens.get(signal);
      const own = await configured.get(signal);
      return { header: { ...(sent === undefined ? {} : headerOf(sent.token)), ...own?.header } };
    },
    refused: async ({ url, status }, signal) => {
      if (status !== 401 || url.origin !== base.origin || sent === undefined) return false;
      const refused = sent;
      tokens.refused(refused);
      const next = await tokens.get(signal);
      return next !== undefined && next.token !== refused.token;
    },
  };
}

export function bearer(token: string): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${token}` };
}
