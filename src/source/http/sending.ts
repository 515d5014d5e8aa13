/** One request on its way to its final target: signed for each hop, redirected, sent again where its authorizer has something new. */
import { ProtocolError, type SourceError } from '../errors.js';
import type { RequestActivity } from '../request-activity.js';
import { readStart } from './answer-text.js';
import type { Authorization } from './authorization.js';
import { authorize, maySendAgain } from './authorize.js';
import type { ConnectionPool } from './connection-pool.js';
import type { HttpAnswer, HttpCaller, HttpRequest, Redirect } from './http-engine.js';
import { type HttpResponse, exchange } from './http-exchange.js';
import { failureOf, isRetryable, isRetryableStatus, statusFailure } from './http-failure.js';
import type { LowSpeedLimit } from './low-speed-limit.js';
import { carriedHeader, redirectTarget, refuseDowngrade } from './redirect.js';
import type { Refusal } from './refusal.js';
import type { RememberedRedirects } from './remembered-redirects.js';
import type { Routes } from './route.js';

const MAX_REDIRECTS = 10;
/** Of the time that is left: for a remembered target, so that the origin can be queried after it. */
const REMEMBERED_SHARE = 1 / 3;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
const NO_HOPS: HttpAnswer['hops'] = [];

/** What all requests are sent with. */
export interface SendingContext {
  readonly pool: ConnectionPool;
  readonly routes: Routes;
  readonly redirects: RememberedRedirects;
  readonly activity: RequestActivity;
  readonly timeoutMs: number;
}

interface Try {
  readonly lowSpeedLimit: LowSpeedLimit;
  readonly endsAtMs: number;
}

interface Exchanged extends HttpResponse {
  readonly authorization: Authorization | undefined;
}

/** One call of `send`, with what its tries have in common. */
export class Sending {
  readonly #context: SendingContext;
  readonly #request: HttpRequest;
  readonly #caller: HttpCaller;
  /** Where the authorizer had its one more try. */
  readonly #sentAgainTo = new Set<string>();
  /** The last error that a refusal became, and whether it may be another the next time. */
  #refused: { readonly error: SourceError; readonly isRetryable: boolean } | undefined;

  constructor(context: SendingContext, request: HttpRequest, caller: HttpCaller) {
    this.#context = context;
    this.#request = request;
    this.#caller = caller;
  }

  isRetryable(error: unknown): boolean {
    return error === this.#refused?.error ? this.#refused?.isRetryable === true : isRetryable(error);
  }

  /** One try, which has so much time until there is an answer. */
  try(lowSpeedLimit: LowSpeedLimit, leftMs: number): Promise<HttpAnswer> {
    return this.#follow({ lowSpeedLimit, endsAtMs: performance.now() + leftMs });
  }

  async #follow(attempt: Try): Promise<HttpAnswer> {
    const { redirects } = this.#context;
    const [request, caller] = [this.#request, this.#caller];
    const target = caller.pin === undefined ? undefined : redirects.targetOf(request);
    const remembered = target === undefined ? undefined : await this.#sendToRemembered(attempt, target);
    if (remembered !== undefined) return remembered;
    let { url } = request;
    let hops = NO_HOPS;
    let usedOtherCredentials = false;
    for (;;) {
      const response = await this.#exchange(attempt, url, attempt.endsAtMs - performance.now());
      const { status, header, body } = response;
      usedOtherCredentials ||= isNotEmpty(response.authorization) && url.origin !== request.url.origin;
      if (request.allowed.includes(status)) {
        redirects.note(request, url);
        const { lowSpeedLimit } = attempt;
        return { status, header, url, hops, usedOtherCredentials, body, lowSpeedLimit };
      }
      const next = this.#nextHop(response, url, hops.length);
      if (next === undefined) {
        await this.#refuse(attempt, response, url);
      } else {
        hops = [...hops, { url, status, header }];
        url = next;
      }
    }
  }

  /** Where a redirect leads, if its policy lets it. */
  #nextHop(response: HttpResponse, from: URL, hops: number): URL | undefined {
    const [request, caller] = [this.#request, this.#caller];
    const { redirects = 'follow' } = request;
    const { status, header, body } = response;
    if (!REDIRECT_STATUS.has(status) || redirects === 'refuse') return undefined;
    try {
      const to = redirectTarget(header.get('location'), from, caller.url);
      const redirect: Redirect = { requested: caller.url, status, header, from, to };
      const next = redirects === 'follow' ? to : redirects(redirect);
      // A body may hold credentials, and a 303 is no answer to it.
      const isForBody =
        status !== 303 && (next?.origin === request.url.origin || request.body?.isPublic === true);
      if (next === undefined || (request.body !== undefined && !isForBody)) return undefined;
      refuseDowngrade(request.url, next, caller.url);
      if (hops >= MAX_REDIRECTS) {
        throw new ProtocolError('too many redirects', caller.url, {
          expected: `at most ${MAX_REDIRECTS}`,
          found: `another one, to ${next.origin}`,
        });
      }
      body.cancel();
      return next;
    } catch (error) {
      body.cancel();
      throw error;
    }
  }

  /** Returns if the request may be sent again to the same URL, and else throws what the refusal means. */
  async #refuse({ endsAtMs }: Try, response: Exchanged, url: URL): Promise<void> {
    const [request, caller] = [this.#request, this.#caller];
    const { status, header, body, authorization } = response;
    const { authorizer, explain, isRetryable: mayRetry } = request;
    // A token is not the reason if it was not sent, and could not be.
    const isForAuthorizer = authorization !== undefined || url.origin === request.url.origin;
    const mayRenew =
      isForAuthorizer &&
      !this.#sentAgainTo.has(url.origin) &&
      authorizer !== undefined &&
      'refused' in authorizer;
    const isRead = mayRenew || explain !== undefined || mayRetry !== undefined;
    const limitMs = Math.max(1, endsAtMs - performance.now());
    if (!isRead) body.cancel();
    const text = isRead ? await readStart(body, limitMs) : '';
    caller.signal?.throwIfAborted();
    const refusal: Refusal = { url, status, header, text, authorization };
    if (mayRenew) {
      if (await maySendAgain(authorizer, refusal, caller, limitMs)) {
        this.#sentAgainTo.add(url.origin);
        return;
      }
    }
    const error = explain?.(refusal) ?? statusFailure(status, header, caller.url, request.allowed);
    this.#refused = { error, isRetryable: mayRetry?.(refusal) ?? isRetryableStatus(status) };
    throw error;
  }

  /**
   * The response of the target that a version was redirected to. Undefined: it is not of use any more, since it was valid
   * for a moment only, or is unreachable; the origin may have another.
   */
  async #sendToRemembered(attempt: Try, target: string): Promise<HttpAnswer | undefined> {
    const { lowSpeedLimit, endsAtMs } = attempt;
    const [request, caller] = [this.#request, this.#caller];
    const url = new URL(target);
    try {
      const limitMs = (endsAtMs - performance.now()) * REMEMBERED_SHARE;
      const { status, header, body, authorization } = await this.#exchange(attempt, url, limitMs);
      const usedOtherCredentials = isNotEmpty(authorization) && url.origin !== request.url.origin;
      if (request.allowed.includes(status))
        return { status, header, url, hops: NO_HOPS, usedOtherCredentials, body, lowSpeedLimit };
      body.cancel();
    } catch (error) {
      if (failureOf(error, caller.url, caller.signal).code === 'INTERRUPTED') throw error;
    }
    this.#context.redirects.forget(request);
    return undefined;
  }

  async #exchange({ lowSpeedLimit }: Try, url: URL, leftMs: number): Promise<Exchanged> {
    const { pool, routes, activity, timeoutMs } = this.#context;
    const [request, caller] = [this.#request, this.#caller];
    const { method = 'GET', body, authorizer } = request;
    const isOwnOrigin = url === request.url || url.origin === request.url.origin;
    const header = {
      'accept-encoding': 'identity',
      ...(isOwnOrigin ? request.header : carriedHeader(request.header)),
    };
    const limitMs = Math.max(1, leftMs);
    const given = authorizer && authorize(authorizer, { method, url, header }, caller, limitMs);
    const authorization: Authorization | undefined = given instanceof Promise ? await given : given;
    const sent = authorization?.header === undefined ? header : { ...header, ...authorization.header };
    const counters = activity.of(schemeOf(caller), url.host);
    counters.isEncrypted = url.protocol === 'https:';
    const resolved = routes.resolve(request.route, url, isOwnOrigin);
    const route = resolved?.proxy === undefined ? 'direct' : 'proxy';
    const startedMs = performance.now();
    try {
      const {
        status,
        header: answered,
        body: answer,
      } = await exchange(pool, url, sent, {
        method,
        ...(body === undefined ? {} : { body }),
        route: resolved,
        signedUrl: authorization?.url,
        signal: caller.signal,
        priority: caller.priority,
        promotion: caller.promotion,
        headersTimeoutMs: limitMs,
        idleTimeoutMs: timeoutMs / 3,
        lowSpeedLimit,
        expectedBytes: request.expectedBytes,
        activity: counters.by(route),
      });
      activity.noteFirstByte(counters.scheme, route, performance.now() - startedMs);
      counters.noteResponse(status, isRetryableStatus(status));
      return { status, header: answered, body: answer, authorization };
    } catch (error) {
      const { code, message, found } = failureOf(error, caller.url, caller.signal);
      counters.noteFailure(code, found === undefined ? message : `${message} (${found})`);
      throw error;
    }
  }
}

/** Of the source that it is for: `s3`, where the request is one of https. */
export function schemeOf({ url }: HttpCaller): string {
  return url.protocol.slice(0, -1);
}

function isNotEmpty(authorization: Authorization | undefined): boolean {
  if (authorization === undefined) return false;
  return authorization.url !== undefined || Object.keys(authorization.header ?? {}).length > 0;
}
