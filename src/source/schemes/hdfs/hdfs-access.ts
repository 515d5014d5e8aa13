/** How the name nodes of a cluster are reached: credentials, headers, connections. */
import process from 'node:process';

import { configuredHeaders, configuredToken } from '../../auth/configured-credentials.js';
import type { BearerToken, CredentialProvider } from '../../auth/credentials.js';
import { withQuery } from '../../auth/canonical.js';
import type { Authorizer } from '../../http/authorizer.js';
import { configuredRoute } from '../../http/configured-route.js';
import type { HttpProfile } from '../../http/http-engine.js';
import { routeElsewhere } from '../../http/route.js';
import type { HdfsSettings } from '../../settings.js';
import type { DataNodeTarget } from './data-node.js';
import { explainHdfsRefusal, refusesCredentials } from './hdfs-refusal.js';

export class HdfsAccess {
  readonly #settings: HdfsSettings;
  /** The name nodes: what is theirs goes nowhere else. */
  readonly #origins: ReadonlySet<string>;
  readonly #user: string | undefined;
  readonly #tokens: CredentialProvider<BearerToken> | undefined;
  readonly #headers: ReturnType<typeof configuredHeaders>;

  constructor(settings: HdfsSettings, nameNodes: readonly URL[]) {
    const { credentials } = settings;
    this.#settings = settings;
    this.#origins = new Set(nameNodes.map(({ origin }) => origin));
    this.#user = credentials === undefined ? process.env['HADOOP_USER_NAME'] : userOf(credentials);
    this.#tokens =
      credentials?.kind === 'token' || credentials?.kind === 'command'
        ? configuredToken(credentials)
        : undefined;
    this.#headers = configuredHeaders(settings.headers ?? {});
  }

  /** `url`: of the caller, for errors. Redirects are answers: only that of OPEN is followed, and by us. */
  async profile(url: URL): Promise<HttpProfile> {
    const route = await configuredRoute(this.#settings);
    return {
      authorizer: this.#authorizer(),
      redirects: 'refuse',
      explain: (refusal) => explainHdfsRefusal(refusal, url),
      ...(route === undefined ? {} : { route }),
    };
  }

  /**
   * Of a data node. What the rule says of connections to its name nodes holds for others only if it names them too: not the
   * client's certificate, nor the trust in any certificate.
   */
  async dataNodeProfile(url: URL, { signedUrl, isNamed }: DataNodeTarget): Promise<HttpProfile> {
    const { authorizer, route, ...profile } = await this.profile(url);
    const isOwn = isNamed || this.#origins.has(signedUrl.origin);
    const way = isOwn ? route : routeElsewhere(route);
    return {
      ...profile,
      ...(way === undefined ? {} : { route: way }),
      authorizer: {
        // What grants access stands in the URL of the redirect.
        authorize: async (sent, signal) => ({
          ...(await authorizer?.authorize(sent, signal)),
          url: signedUrl,
        }),
      },
    };
  }

  /** For one request: it knows which token was refused. */
  #authorizer(): Authorizer {
    let sent: BearerToken | undefined;
    return {
      authorize: async ({ url }, signal) => {
        if (!this.#origins.has(url.origin)) return undefined;
        sent = await this.#tokens?.get(signal);
        const own = await this.#headers.get(signal);
        return {
          header: own?.header ?? {},
          url: withQuery(url, sent === undefined ? { 'user.name': this.#user } : { delegation: sent.token }),
        };
      },
      refused: async (refusal, signal) => {
        if (sent === undefined || !refusesCredentials(refusal)) return false;
        const refused = sent;
        this.#tokens?.refused(refused);
        const next = await this.#tokens?.get(signal);
        return next !== undefined && next.token !== refused.token;
      },
    };
  }
}

function userOf(credentials: NonNullable<HdfsSettings['credentials']>): string | undefined {
  return credentials.kind === 'user' ? credentials.user : undefined;
}
