/** How the containers of one account are reached: credentials, headers, connections. */
import { type AzureCredentials, azureCredentials } from '../../auth/azure-credentials.js';
import { sasUrl, withSas } from '../../auth/azure-sas.js';
import { azureSharedKey } from '../../auth/azure-shared-key.js';
import { configuredHeaders } from '../../auth/configured-credentials.js';
import type { Authorization, AuthorizableRequest, Authorizer } from '../../http/authorizer.js';
import { configuredRoute } from '../../http/configured-route.js';
import type { HttpProfile } from '../../http/http-engine.js';
import type { AbsSettings } from '../../settings.js';
import type { BlobAccount } from './blob-address.js';
import { explainBlobRefusal, isRetryableBlobRefusal } from './blob-refusal.js';

/** Knows ranges of any blob, versions, and tokens of Entra. */
const API_VERSION = { 'x-ms-version': '2021-12-02' };

export class BlobAccess {
  readonly #settings: AbsSettings;
  readonly #account: BlobAccount;
  readonly #credentials: ReturnType<typeof azureCredentials>;
  readonly #headers: ReturnType<typeof configuredHeaders>;

  constructor(settings: AbsSettings, account: BlobAccount) {
    this.#settings = settings;
    this.#account = account;
    this.#credentials = azureCredentials(settings, account.account, account.endpoint);
    this.#headers = configuredHeaders(settings.headers ?? {});
  }

  /** `url`: of the caller, for errors. */
  async profile(url: URL): Promise<HttpProfile & { readonly header: Readonly<Record<string, string>> }> {
    const route = await configuredRoute(this.#settings);
    return {
      header: { ...API_VERSION, ...(await this.#headers.get())?.header },
      authorizer: this.#authorizer(),
      redirects: 'refuse',
      explain: (refusal) => explainBlobRefusal(refusal, url, this.#credentials.notFound),
      isRetryable: isRetryableBlobRefusal,
      ...(route === undefined ? {} : { route }),
    };
  }

  /** Below the endpoint; `path` is encoded. */
  url(path: string, query = ''): URL {
    return new URL(`${this.#account.endpoint.href}${path}${query === '' ? '' : `?${query}`}`);
  }

  /** For one request: it knows which credentials were refused. */
  #authorizer(): Authorizer {
    let used: AzureCredentials | undefined;
    return {
      authorize: async (request, signal) => {
        if (request.url.origin !== this.#account.endpoint.origin) return undefined;
        used = await this.#credentials.get(signal);
        return used && authorization(request, used);
      },
      share: async (request, signal) => {
        if (request.url.origin !== this.#account.endpoint.origin) return undefined;
        const credentials = await this.#credentials.get(signal);
        if (credentials === undefined) return undefined;
        if ('token' in credentials || 'sas' in credentials) return authorization(request, credentials);
        // Of a version or a snapshot it would be another signature.
        if (request.url.search !== '') return undefined;
        const path = request.url.pathname.slice(this.#account.endpoint.pathname.length);
        return { url: sasUrl(request.url, path, credentials, Date.now()) };
      },
      refused: async ({ status, header }, signal) => {
        const isExpired = status === 401 || header.get('x-ms-error-code') === 'AuthenticationFailed';
        if (used === undefined || !isExpired) return false;
        const refused = used;
        this.#credentials.refused(refused);
        const next = await this.#credentials.get(signal);
        return next !== undefined && next !== refused;
      },
    };
  }
}

function authorization(request: AuthorizableRequest, credentials: AzureCredentials): Authorization {
  if ('token' in credentials) return { header: { authorization: `Bearer ${credentials.token}` } };
  if ('sas' in credentials) return { url: withSas(request.url, credentials.sas) };
  return { header: azureSharedKey()(request, credentials, Date.now()) };
}
