import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

import { LRUCache } from 'lru-cache';

import {
  ConfiguredCredentials,
  configuredBearer,
  configuredHeaders,
} from '../auth/configured-credentials.js';
import type { CredentialProvider } from '../auth/credentials.js';
import { type Awaitable, chain } from '../../awaitable.js';
import { netrcEntry } from '../auth/netrc.js';
import { fileSecret } from '../auth/secret-source.js';
import type { WebSettings } from '../settings.js';
import type { Authorization, Authorizer } from './authorizer.js';
import { configuredRoute } from './configured-route.js';
import type { HttpProfile } from './http-engine.js';

/** Of a netrc for every host, which others name. */
const MAX_HOSTS = 1_000;

type Header = Readonly<Record<string, string>>;

/** Header fields that may be read anew when they were refused. */
interface HeaderProvider {
  get(): Promise<Header>;
  /** Whether they are others now. */
  renew(): Promise<boolean>;
}

/** What rules say for http and https: headers and credentials of the origin of each hop, proxy and TLS of the first one. */
export class ConfiguredAccess {
  readonly #settingsFor: (url: URL) => WebSettings;
  readonly #providers = new WeakMap<WebSettings, LRUCache<string, HeaderProvider>>();
  readonly #authorizer: Authorizer = { authorize: ({ url, header }) => this.#authorize(url, header) };
  /** A refusal is read only for URLs that have credentials. */
  readonly #renewing: Authorizer = {
    ...this.#authorizer,
    refused: async ({ url, status }) => {
      if (status !== 401 && status !== 403 && status !== 407) return false;
      return (await this.#providerFor(url)?.renew()) ?? false;
    },
  };

  constructor(settingsFor: (url: URL) => WebSettings) {
    this.#settingsFor = settingsFor;
  }

  profileFor(url: URL): Awaitable<HttpProfile> {
    const settings = this.#settingsFor(url);
    const authorizer = isOpen(settings) ? this.#authorizer : this.#renewing;
    return chain(configuredRoute(settings), (route) => (route ? { authorizer, route } : { authorizer }));
  }

  #authorize(url: URL, sent: Header): Authorization | undefined | Promise<Authorization> {
    const provider = this.#providerFor(url);
    return provider?.get().then((header) => ({ header: withoutOwn(header, sent) }));
  }

  #providerFor(url: URL): HeaderProvider | undefined {
    const settings = this.#settingsFor(url);
    if (isOpen(settings)) return undefined;
    const byHost = this.#providers.get(settings) ?? new LRUCache<string, HeaderProvider>({ max: MAX_HOSTS });
    this.#providers.set(settings, byHost);
    // Of a netrc, each host has its own entry.
    const host = settings.credentials?.kind === 'netrc' ? url.hostname : '';
    const known = byHost.get(host);
    if (known !== undefined) return known;
    const provider = providerOf(settings, host);
    byHost.set(host, provider);
    return provider;
  }
}

function isOpen({ headers, credentials = { kind: 'anonymous' } }: WebSettings): boolean {
  return headers === undefined && credentials.kind === 'anonymous';
}

function providerOf({ headers, credentials }: WebSettings, host: string): HeaderProvider {
  const parts = [
    ...(credentials === undefined ? [] : renewable(authorizationOf(credentials, host))),
    // A header that is written out goes before the one that credentials make.
    ...(headers === undefined ? [] : renewable(configuredHeaders(headers))),
  ];
  return {
    get: async () => Object.assign({}, ...(await Promise.all(parts.map((part) => part.get())))) as Header,
    renew: async () => (await Promise.all(parts.map((part) => part.renew()))).includes(true),
  };
}

function renewable(
  provider: CredentialProvider<{ readonly header: Header }> | undefined,
): readonly HeaderProvider[] {
  if (provider === undefined) return [];
  return [
    {
      get: async () => (await provider.get())?.header ?? {},
      renew: async () => {
        const before = await provider.get();
        if (before !== undefined) provider.refused(before);
        return (await provider.get()) !== before;
      },
    },
  ];
}

/** `Authorization: Basic …` or `Bearer …`. */
function authorizationOf(
  credentials: NonNullable<WebSettings['credentials']>,
  host: string,
): CredentialProvider<{ readonly header: Header }> | undefined {
  switch (credentials.kind) {
    case 'anonymous':
      return undefined;
    case 'password': {
      const { user, password } = credentials;
      return new ConfiguredCredentials({ password }, (texts) => basic(user, texts.password));
    }
    case 'netrc': {
      const file = fileSecret(credentials.file ?? process.env['NETRC'] ?? join(homedir(), '.netrc'));
      return new ConfiguredCredentials({ file }, (texts) => {
        const entry = netrcEntry(texts.file, host);
        return entry === undefined ? { header: {} } : basic(entry.login, entry.password);
      });
    }
    case 'token':
    case 'command':
      return configuredBearer(credentials);
  }
}

function basic(user: string, password: string): { readonly header: Header } {
  const pair = Buffer.from(`${user}:${password}`).toString('base64');
  return { header: { authorization: `Basic ${pair}` } };
}

/** Of the requests of the source; what is configured does not replace them. */
const OWN_HEADER = new Set([
  'accept',
  'accept-encoding',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'range',
]);

export function withoutOwn(configured: Header, sent: Header): Header {
  const names = Object.keys(configured);
  if (!names.some((name) => name in sent && OWN_HEADER.has(name))) return configured;
  return Object.fromEntries(
    Object.entries(configured).filter(([name]) => !(name in sent && OWN_HEADER.has(name))),
  );
}
