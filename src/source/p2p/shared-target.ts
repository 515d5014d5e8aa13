/** What dfdaemon is to fetch: a URL that a node without our credentials can read, or, within a share scope, one with them. */
import { authorize } from '../http/authorize.js';
import type { DialectReader } from '../http/dialect-reader.js';
import type { HttpTarget } from '../http/http-resource.js';
import type { Request } from '../request.js';
import { splitSignature } from './signature-parameters.js';

export interface SharedTarget {
  /** Of the source, before redirects: what identifies the content. */
  readonly identityUrl: URL;
  /** May be signed. */
  readonly url: URL;
  readonly header: Readonly<Record<string, string>>;
  /** Its URL names the version, so that no condition has to. */
  readonly namesVersion: boolean;
  /** For requests of our own. */
  readonly own: HttpTarget;
}

/** What the rules of the URL say, as far as it concerns this. */
export interface SharingRule {
  readonly shareScope?: string;
  /** Of any names. */
  readonly headers?: object;
  readonly tls?: { readonly cert?: string };
}

/** Undefined: it takes credentials, and they are not to be shared; or they cannot be. */
export async function sharedTarget(
  request: Request,
  reader: DialectReader,
  { shareScope, headers, tls }: SharingRule,
  limitMs: number,
): Promise<SharedTarget | undefined> {
  // A certificate of ours identifies this mount alone.
  if (tls?.cert !== undefined) return undefined;
  const { dialect } = reader;
  const own = await dialect.targetOf(request);
  const namesVersion = dialect.namesVersion === true;
  const mayShare = shareScope !== undefined;
  const authorization = await sharedAuthorization(own, request, limitMs);
  if (authorization === undefined) return undefined;
  const isOpen = headers === undefined && !authorization.isNeeded && !splitSignature(own.url).isSigned;
  if (!isOpen && !mayShare) return undefined;
  const shared = { identityUrl: own.url, namesVersion, own };
  if (namesVersion) {
    const end = await lastUrl(request, reader);
    if (end === undefined) return undefined;
    // Behind a redirect it needs no more than what stands in its URL.
    if (end.origin !== own.url.origin) return { ...shared, url: end, header: {} };
  }
  return {
    ...shared,
    url: authorization.url ?? own.url,
    header: { ...authorization.keptHeader, ...authorization.header },
  };
}

interface SharedAuthorization {
  /** A request without it would be refused, or get something else. */
  readonly isNeeded: boolean;
  readonly url?: URL;
  readonly header?: Readonly<Record<string, string>>;
  /** Of the source. */
  readonly keptHeader: Readonly<Record<string, string>>;
}

/** Undefined: what authorizes it cannot be handed over. */
async function sharedAuthorization(
  { url, header = {}, authorizer }: HttpTarget,
  request: Request,
  limitMs: number,
): Promise<SharedAuthorization | undefined> {
  if (authorizer === undefined) return { isNeeded: false, keptHeader: header };
  const asked = { method: 'GET', url, header };
  const given = await authorize(authorizer, asked, request, limitMs);
  const isNeeded = given?.url !== undefined || Object.keys(given?.header ?? {}).length > 0;
  if (!isNeeded) return { isNeeded, keptHeader: header };
  if (authorizer.share === undefined) return { isNeeded, keptHeader: header, ...given };
  const shared = await authorizer.share(asked, request.signal);
  return shared && { isNeeded, keptHeader: shared.url === undefined ? header : {}, ...shared };
}

/** Where a URL leads now; undefined: to something without ranges, of which dfdaemon cannot make pieces. */
async function lastUrl(request: Request, reader: DialectReader): Promise<URL | undefined> {
  const answer = await reader.send(
    request,
    reader.rangeRequest({ start: 0, end: 1 }, request.pin),
    [200, 206],
  );
  answer.body.cancel();
  return answer.status === 206 ? answer.url : undefined;
}
