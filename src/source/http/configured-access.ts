import { LRUCache } from 'lru-cache';

import { type Awaitable, chain } from '../../awaitable.js';
import {
  ConfiguredCredentials,
  configuredBearer,
  configuredHeaders,
} from '../auth/configured-credentials.js';
import type { CredentialProvider } from '../auth/credentials.js';
import { netrcLogin } from '../auth/netrc.js';
import type { WebSettings } from '../settings.js';
import type { Authorization } from './authorization.js';
import type { AuthorizableRequest, Authorizer } from './authorizer.js';
import { configuredRoute } from './configured-route.js';
import type { HttpProfile } from './http-engine.js';
import { OriginLogin } from './origin-login.js';
import type { Refusal } from './refusal.js';

/** Of a rule for every host, which others name. */
const MAX_ORIGINS = 1_000;

type Header = Readonly<Record<string, string>>;

/** What is sent to an origin, by one part of its settings. */
interface Access {
  header(request: AuthorizableRequest): Promise<Header>;
  /** Whether the request may be sent again: there is something else to be sent now. */
  refused(refusal: Refusal): Promise<boolean>;
  /** What is sent is good for one request alone. */
  readonly isForOneRequest: boolean;
}

/** What rules say for http and https: headers and credentials of the origin of each hop, proxy and TLS of the first one. */
export class ConfiguredAccess {
  readonly #settingsFor: (url: URL) => WebSettings;
  readonly #accesses = new WeakMap<WebSettings, LRUCache<string, Access>>();
  readonly #authorizer: Authorizer = { authorize: (request) => this.#authorize(request) };
  /** A refusal is read only for URLs that have credentials. */
  readonly #renewing: Authorizer = {
    ...this.#authorizer,
    share: (request) =>
      this.#accessTo(request.url)?.isForOneRequest === true ? undefined : this.#authorize(request),
    refused: async (refusal) => {
      const { url, status } = refusal;
      if (status !== 401 && status !== 403 && status !== 407) return false;
      return (await this.#accessTo(url)?.refused(refusal)) ?? false;
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

  #authorize(request: AuthorizableRequest): Authorization | undefined | Promise<Authorization> {
    const access = this.#accessTo(request.url);
    return access?.header(request).then((header) => ({ header: withoutOwn(header, request.header) }));
  }

  #accessTo(url: URL): Access | undefined {
    const settings = this.#settingsFor(url);
    if (isOpen(settings)) return undefined;
    const byOrigin = this.#accesses.get(settings) ?? new LRUCache<string, Access>({ max: MAX_ORIGINS });
    this.#accesses.set(settings, byOrigin);
    const known = byOrigin.get(url.origin);
    if (known !== undefined) return known;
    const access = accessOf(settings, url);
    byOrigin.set(url.origin, access);
    return access;
  }
}

function isOpen({ headers, credentials = { kind: 'anonymous' } }: WebSettings): boolean {
  return headers === undefined && credentials.kind === 'anonymous';
}

function accessOf({ headers, credentials }: WebSettings, url: URL): Access {
  const ofCredentials = credentials && accessBy(credentials, url);
  // A header that is written out goes before the one that credentials make.
  const parts = [ofCredentials, headers && renewable(configuredHeaders(headers))].filter(
    (part) => part !== undefined,
  );
  return {
    header: async (request) =>
      Object.assign({}, ...(await Promise.all(parts.map((part) => part.header(request))))) as Header,
    refused: async (refusal) =>
      (await Promise.all(parts.map((part) => part.refused(refusal)))).includes(true),
    get isForOneRequest() {
      return ofCredentials?.isForOneRequest === true;
    },
  };
}

function accessBy(credentials: NonNullable<WebSettings['credentials']>, url: URL): Access | undefined {
  switch (credentials.kind) {
    case 'anonymous':
      return undefined;
    case 'password': {
      const { user, password, auth } = credentials;
      const entries = new ConfiguredCredentials({ password }, (texts) => ({
        login: { user, password: texts.password },
      }));
      return passwordAccess(new OriginLogin(url, entries, auth));
    }
    case 'netrc': {
      const entries = new ConfiguredCredentials({ file: credentials.file }, ({ file }) => ({
        login: netrcLogin(file, url.hostname),
      }));
      return passwordAccess(new OriginLogin(url, entries));
    }
    case 'token':
    case 'command':
      return renewable(configuredBearer(credentials));
  }
}

function passwordAccess(login: OriginLogin): Access {
  return {
    header: async (request) => {
      const authorization = await login.authorization(request);
      return authorization === undefined ? {} : { authorization };
    },
    refused: (refusal) => login.refused(refusal),
    get isForOneRequest() {
      return login.usesDigest;
    },
  };
}

/** A header that may be read anew when it was refused. */
function renewable(provider: CredentialProvider<{ readonly header: Header }>): Access {
  return {
    header: async () => (await provider.get())?.header ?? {},
    refused: async () => {
      const before = await provider.get();
      if (before !== undefined) provider.refused(before);
      return (await provider.get()) !== before;
    },
    isForOneRequest: false,
  };
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
