import { LRUCache } from 'lru-cache';

import { ConfiguredCredentials } from '../../auth/configured-credentials.js';
import type { CredentialProvider } from '../../auth/credentials.js';
import { netrcLogin } from '../../auth/netrc.js';
import { configuredRoute } from '../../http/configured-route.js';
import type { FtpSettings } from '../../settings.js';
import type { SourceClient, SourceContext } from '../../source.js';
import { createFtpClient } from './ftp-client.js';
import { FtpHost } from './ftp-host.js';
import { type FtpAccount, portOf, type TlsMode } from './ftp-server.js';
import { ANONYMOUS } from './login.js';
import { ServerTraits } from './server-traits.js';

const MAX_HOSTS = 1_000;

export function createFtpSource(context: SourceContext): SourceClient {
  /** By the settings, which are the same object while the configuration is the same, and by the host. */
  const bySettings = new WeakMap<FtpSettings, LRUCache<string, FtpHost>>();
  const open = new Set<FtpHost>();
  const hostFor = async (url: URL): Promise<FtpHost> => {
    const settings = context.settingsFor(url) as FtpSettings;
    const route = await configuredRoute(settings);
    const hosts = bySettings.get(settings) ?? new LRUCache<string, FtpHost>({ max: MAX_HOSTS, dispose: end });
    bySettings.set(settings, hosts);
    const known = hosts.get(url.host);
    if (known !== undefined) return known;
    const host = hostOf(context, url, settings, route?.tls);
    hosts.set(url.host, host);
    open.add(host);
    return host;
  };
  function end(host: FtpHost): void {
    open.delete(host);
    host.close();
  }
  return {
    ...createFtpClient(hostFor),
    close: async () => {
      for (const host of open) end(host);
      await Promise.resolve();
    },
  };
}

function hostOf(
  { engine, timeoutMs, retries }: SourceContext,
  url: URL,
  settings: FtpSettings,
  tls: FtpHost['server']['tls'],
): FtpHost {
  const tlsMode: TlsMode = settings.tls?.mode ?? (url.protocol === 'ftps:' ? 'implicit' : 'none');
  const server = {
    url: new URL(`${url.protocol}//${url.host}/`),
    port: portOf(url, tlsMode),
    engine,
    tlsMode,
    tls,
    account: accountOf(settings, url.hostname),
    timeoutMs,
    traits: new ServerTraits(),
  };
  return new FtpHost(server, retries);
}

/** Undefined: anonymous. */
function accountOf({ credentials }: FtpSettings, host: string): CredentialProvider<FtpAccount> | undefined {
  switch (credentials?.kind) {
    case 'password': {
      const { user, password } = credentials;
      return new ConfiguredCredentials({ password }, (texts) => ({ user, password: texts.password }));
    }
    case 'netrc':
      return new ConfiguredCredentials(
        { file: credentials.file },
        ({ file }) => netrcLogin(file, host) ?? ANONYMOUS,
      );
    case 'anonymous':
    case undefined:
      return undefined;
  }
}
