/** What a mount knows of the buckets that are read with the same settings: credentials, regions, the clock of the store. */
import { LRUCache } from 'lru-cache';

import { configuredHeaders } from '../../auth/configured-credentials.js';
import type { BearerToken, CredentialProvider } from '../../auth/credentials.js';
import { withQuery } from '../../auth/canonical.js';
import type { AccessKey } from '../../auth/signer.js';
import type { Authorization, AuthorizableRequest, Authorizer } from '../../http/authorizer.js';
import { type Awaitable, chain } from '../../../awaitable.js';
import { configuredRoute } from '../../http/configured-route.js';
import { parseHttpDate } from '../../http/http-date.js';
import type { HttpRoute } from '../../http/http-engine.js';
import type { Refusal } from '../../http/refusal.js';
import type { HttpSettings } from '../../settings.js';
import { type AddressSettings, type BucketAddress, bucketAddress, objectUrl } from './bucket-address.js';
import { type BucketSigner, bucketSigner } from './bucket-signer.js';
import { type BucketDialect, type BucketScheme, DIALECTS } from './dialects.js';
import { isCredentialRefusal } from './explain-refusal.js';
import { parseObjectError } from './object-error.js';
import { regionNews } from './region-news.js';

export type BucketCredentials = AccessKey | BearerToken;

/** Of the schemes that are buckets, as far as it is no one's own. */
export interface AccessSettings extends HttpSettings, AddressSettings {
  /** Of gs: the project that pays. */
  readonly requesterPays?: boolean | string;
}

const MAX_BUCKETS = 1_000;
/** A clock that is off by less is not why a request was refused. */
const MIN_SKEW_MS = 1_000;

/** One bucket, as it is reached by now. */
export interface Bucket {
  readonly host: string;
  readonly address: BucketAddress;
  /** Where its credentials may be sent. */
  readonly origin: string;
  readonly signer: BucketSigner;
  /** The store answered in the first version of the listing. */
  listsByMarker: boolean;
}

export class BucketAccess {
  readonly scheme: BucketScheme;
  readonly dialect: BucketDialect;
  readonly #settings: AccessSettings;
  readonly #credentials: CredentialProvider<BucketCredentials>;
  readonly #headers: ReturnType<typeof configuredHeaders> | undefined;
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_BUCKETS });
  #clockOffsetMs = 0;

  constructor(
    scheme: BucketScheme,
    settings: AccessSettings,
    credentials: CredentialProvider<BucketCredentials>,
  ) {
    this.scheme = scheme;
    this.dialect = DIALECTS[scheme];
    this.#settings = settings;
    this.#credentials = credentials;
    this.#headers = settings.headers && configuredHeaders(settings.headers);
  }

  /** Where credentials were looked for, if there are none. */
  get noCredentials(): string | undefined {
    return this.#credentials.notFound;
  }

  /** Of each request, besides what signs it. */
  header(): Awaitable<Readonly<Record<string, string>>> {
    return chain(this.#headers?.get(), (configured) => ({ ...this.#payer, ...configured?.header }));
  }

  get #payer(): Readonly<Record<string, string>> | undefined {
    const { requesterPays } = this.#settings;
    if (typeof requesterPays === 'string') return { 'x-goog-user-project': requesterPays };
    return requesterPays === true ? { [`${this.#headerPrefix}request-payer`]: 'requester' } : undefined;
  }

  get #headerPrefix(): string {
    return this.#settings.signature === 's3' ? 'x-amz-' : this.dialect.headerPrefix;
  }

  /** Undefined: as the environment says. */
  route(): Awaitable<HttpRoute | undefined> {
    return configuredRoute(this.#settings);
  }

  /** `host`: of the URL. Throws NOT_CONFIGURED where it needs an endpoint. */
  bucket(host: string): Bucket {
    return this.#buckets.get(host) ?? this.#resolve(host, undefined);
  }

  /** Notes where a refusal says that the bucket is. Returns whether that is elsewhere than it was looked for. */
  learnRegion(bucket: Bucket, refusal: Refusal): boolean {
    const region = regionNews(this.dialect, refusal);
    if (region === undefined || region === bucket.address.region) return false;
    this.#resolve(bucket.host, region);
    return true;
  }

  /** For one request: it knows which credentials were refused. */
  authorizer({ origin, signer }: Bucket): Authorizer {
    let used: BucketCredentials | undefined;
    let usedOffsetMs = 0;
    return {
      authorize: (request, signal) => {
        if (request.url.origin !== origin) return undefined;
        return chain(this.#credentials.get(signal), (credentials) => {
          used = credentials;
          usedOffsetMs = this.#clockOffsetMs;
          return used && this.#authorization(request, used, signer);
        });
      },
      share: async (request, signal) => {
        if (request.url.origin !== origin) return undefined;
        const credentials = await this.#credentials.get(signal);
        if (credentials === undefined) return undefined;
        if ('token' in credentials) return this.#authorization(request, credentials, signer);
        // Of gs, the project is named by a header alone.
        if (typeof this.#settings.requesterPays === 'string') return undefined;
        const url = withQuery(request.url, this.#payer ?? {});
        return { url: signer.signUrl(url, credentials, Date.now() + this.#clockOffsetMs) };
      },
      refused: async (refusal, signal) => {
        if (this.#learnTime(refusal, usedOffsetMs)) return true;
        if (used === undefined || !isCredentialRefusal(refusal)) return false;
        const refused = used;
        this.#credentials.refused(refused);
        const next = await this.#credentials.get(signal);
        return next !== undefined && !isSame(next, refused);
      },
    };
  }

  #authorization(
    request: AuthorizableRequest,
    credentials: BucketCredentials,
    { sign }: BucketSigner,
  ): Authorization {
    if ('token' in credentials) return { header: { authorization: `Bearer ${credentials.token}` } };
    return { header: sign(request, credentials, Date.now() + this.#clockOffsetMs) };
  }

  #resolve(host: string, learned: string | undefined): Bucket {
    const { scheme, dialect } = this;
    const address = bucketAddress(scheme, dialect, host, this.#settings, learned);
    const signer = bucketSigner(scheme, address, this.#settings.signature);
    const { origin } = objectUrl(address, '');
    const bucket = { host, address, origin, signer, listsByMarker: dialect.listVersion === 1 };
    this.#buckets.set(host, bucket);
    return bucket;
  }

  /** Notes the store's time, if the refusal is that ours differs. Returns whether the request was signed with another. */
  #learnTime({ header, text }: Refusal, usedOffsetMs: number): boolean {
    if (parseObjectError(text)?.code !== 'RequestTimeTooSkewed') return false;
    const offsetMs = parseHttpDate(header.get('date') ?? '') - Date.now();
    if (Number.isNaN(offsetMs)) return false;
    this.#clockOffsetMs = offsetMs;
    return Math.abs(offsetMs - usedOffsetMs) > MIN_SKEW_MS;
  }
}

function isSame(a: BucketCredentials, b: BucketCredentials): boolean {
  if ('token' in a || 'token' in b) return 'token' in a && 'token' in b && a.token === b.token;
  return a.accessKeySecret === b.accessKeySecret && a.sessionToken === b.sessionToken;
}
