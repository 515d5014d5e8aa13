/** The engine: sends a request to its final target, with retries, redirects, authorization, and the pool's connections. */
import type { Socket } from 'node:net';

import { LRUCache } from 'lru-cache';

import type { Awaitable } from '../../awaitable.js';
import { ProtocolError, type SourceError } from '../errors.js';
import { type PoolReport, RequestActivity } from '../request-activity.js';
import { withRetries } from '../retry.js';
import { readPieces, readStart, readText } from './answer-text.js';
import type { Authorization } from './authorization.js';
import { authorize, maySendAgain } from './authorize.js';
import { createConnect } from './connect.js';
import { connectTcp } from './connect-tcp.js';
import { ConnectionPool } from './connection-pool.js';
import type {
  HttpAnswer,
  HttpCaller,
  HttpEngine,
  HttpRequest,
  PeerRequest,
  Redirect,
  TcpTarget,
  TextReader,
} from './http-engine.js';
import { type HttpResponse, exchange } from './http-exchange.js';
import { failureOf, isRetryable, isRetryableStatus, statusFailure } from './http-failure.js';
import { DEFAULT_HTTP_ENGINE_OPTIONS, type HttpEngineOptions } from './http-options.js';
import { LowSpeedLimit } from './low-speed-limit.js';
import { NameResolver } from './name-resolver.js';
import { carriedHeader, redirectTarget, refuseDowngrade } from './redirect.js';
import type { Refusal } from './refusal.js';
import { Routes } from './route.js';
import { checkHost, createPlanSocket } from './socket-plan.js';

const BACKOFF_MS = 200;
const MAX_TICK_MS = 250;
const MAX_REDIRECTS = 10;
const REDIRECT_TTL_MS = 60_000;
/** Of the URLs of both ends: a target may carry a signature of thousands of characters. */
const MAX_REDIRECT_CHARS = 1024 * 1024;
/** Of the time that is left: for a remembered target, so that the origin can be queried after it. */
const REMEMBERED_SHARE = 1 / 3;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);
/** To the proxy of dfdaemon, which is near. */
const PEER_CONNECT_TIMEOUT_MS = 5_000;
const MAX_PEER_CONNECTIONS = 32;
const NO_HOPS: HttpAnswer['hops'] = [];

/** An engine, and what its connections do. */
export interface ReportingEngine extends HttpEngine {
  readonly report: PoolReport;
}

export function createHttpEngine(given: Partial<HttpEngineOptions> = {}): ReportingEngine {
  return new PooledEngine({ ...DEFAULT_HTTP_ENGINE_OPTIONS, ...given });
}

/** One call of `send`, with what its tries have in common. */
interface Sending {
  readonly request: HttpRequest;
  readonly caller: HttpCaller;
  /** Where the authorizer had its one more try. */
  readonly sentAgainTo: Set<string>;
  /** The last error that a refusal became, and whether it may be another the next time. */
  refused: { readonly error: SourceError; readonly isRetryable: boolean } | undefined;
}

interface Try {
  readonly sending: Sending;
  readonly lowSpeedLimit: LowSpeedLimit;
  readonly endsAtMs: number;
}

interface Exchanged extends HttpResponse {
  readonly authorization: Authorization | undefined;
}

class PooledEngine implements ReportingEngine {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly #resolver = new NameResolver();
  readonly #connecting: Parameters<typeof connectTcp>[1];
  readonly #pool: ConnectionPool;
  /** Apart from that of sources: neither keeps the other's requests waiting. */
  readonly #peers: ConnectionPool;
  readonly #routes: Routes;
  readonly #activity: RequestActivity;
  /**
   * Where a URL was redirected to: reads of a version should not follow the chain each time. A probe
   * follows it, since it may lead elsewhere by now.
   */
  readonly #redirects = new LRUCache<string, string>({
    max: 1_000,
    maxSize: MAX_REDIRECT_CHARS,
    sizeCalculation: (target, url) => target.length + url.length,
    ttl: REDIRECT_TTL_MS,
  });

  constructor(options: HttpEngineOptions) {
    const { timeoutMs, retries, maxConnectionsPerOrigin, maxConnections, proxyFor } = options;
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    this.#activity = options.activity ?? new RequestActivity();
    this.#routes = new Routes(proxyFor);
    const planning = { ...options, resolver: this.#resolver };
    this.#connecting = planning;
    const plan = createPlanSocket(planning);
    const connect = options.connect ?? createConnect(planning, plan);
    const isThreaded = options.threads !== undefined && options.connect === undefined;
    const threads = isThreaded ? { threads: options.threads, plan } : undefined;
    this.#pool = new ConnectionPool(
      connect,
      {
        maxConnectionsPerOrigin,
        maxConnections,
        connectTimeoutMs: timeoutMs / 3,
        tickMs: Math.min(MAX_TICK_MS, timeoutMs / 24),
      },
      threads,
    );
    this.#peers = new ConnectionPool(
      connect,
      {
        maxConnectionsPerOrigin: MAX_PEER_CONNECTIONS,
        maxConnections: MAX_PEER_CONNECTIONS,
        connectTimeoutMs: PEER_CONNECT_TIMEOUT_MS,
        tickMs: Math.min(MAX_TICK_MS, timeoutMs / 24),
      },
      threads,
    );
  }

  send(request: HttpRequest, caller: HttpCaller, resumed?: LowSpeedLimit): Promise<HttpAnswer> {
    return this.#retried(request, caller, resumed, (answer) => answer);
  }

  fetchText(
    request: HttpRequest,
    caller: HttpCaller,
    maxBytes: number,
  ): Promise<HttpAnswer & { readonly text: string }> {
    return this.#retried(request, caller, undefined, async (answer) => ({
      ...answer,
      text: await readText(answer.body, caller, { maxBytes, limitMs: this.timeoutMs }),
    }));
  }

  fetchPieces<Result>(
    request: HttpRequest,
    caller: HttpCaller,
    createReader: (answer: HttpAnswer) => TextReader<Result>,
  ): Promise<Result> {
    return this.#retried(request, caller, undefined, (answer) =>
      readPieces(answer.body, caller, this.timeoutMs, createReader(answer)),
    );
  }

  async sendToPeers(request: PeerRequest, caller: HttpCaller): Promise<HttpAnswer> {
    const { proxy, url, header, expectedBytes, headersTimeoutMs, idleTimeoutMs } = request;
    const lowSpeedLimit = new LowSpeedLimit(idleTimeoutMs);
    const beganMs = performance.now();
    const {
      status,
      header: answered,
      body,
    } = await exchange(this.#peers, url, header, {
      route: { key: 'peers', peerProxy: proxy },
      signal: caller.signal,
      priority: caller.priority,
      promotion: caller.promotion,
      headersTimeoutMs,
      idleTimeoutMs,
      lowSpeedLimit,
      expectedBytes,
      activity: this.#activity.of(schemeOf(caller), url.host).by('p2p'),
    });
    const waitedMs = performance.now() - beganMs;
    this.#activity.noteFirstByte(schemeOf(caller), 'p2p', waitedMs);
    // dfdaemon sends the head when it has a piece, which need not be the first one.
    lowSpeedLimit.noteWait(waitedMs);
    return { status, header: answered, url, hops: NO_HOPS, usedOtherCredentials: false, body, lowSpeedLimit };
  }

  connectTcp(target: TcpTarget, signal: AbortSignal): Promise<Socket> {
    return connectTcp(target, this.#connecting, signal);
  }

  checkHost(url: URL): Promise<void> {
    return checkHost(url, this.#connecting);
  }

  now(): number {
    return this.#pool.now();
  }

  get report(): PoolReport {
    return this.#pool.report;
  }

  async close(): Promise<void> {
    this.#resolver.close();
    await Promise.all([this.#pool.close(), this.#peers.close()]);
  }

  /** `use` is part of a try: what fails in it is retried as well. */
  #retried<Result>(
    request: HttpRequest,
    caller: HttpCaller,
    resumed: LowSpeedLimit | undefined,
    use: (answer: HttpAnswer) => Awaitable<Result>,
  ): Promise<Result> {
    const sending: Sending = { request, caller, sentAgainTo: new Set(), refused: undefined };
    const { retries = this.retries, timeoutMs = this.timeoutMs } = request;
    const deadlineMs = Math.min(timeoutMs, resumed?.leftMs ?? Infinity);
    const policy = {
      retries,
      deadlineMs,
      backoffMs: BACKOFF_MS,
      isRetryable: (error: unknown) =>
        error === sending.refused?.error ? sending.refused?.isRetryable === true : isRetryable(error),
    };
    let failed: string | undefined;
    return withRetries(policy, caller.signal, async (leftMs) => {
      if (failed !== undefined) this.#activity.noteRetry(schemeOf(caller), failed);
      const lowSpeedLimit = resumed ?? new LowSpeedLimit(this.timeoutMs);
      try {
        const answer = await this.#follow({ sending, lowSpeedLimit, endsAtMs: performance.now() + leftMs });
        const used = use(answer);
        return used instanceof Promise ? await used : used;
      } catch (error) {
        const failure = failureOf(error, caller.url, caller.signal);
        failed = failure.code;
        throw failure;
      }
    });
  }

  async #follow(attempt: Try): Promise<HttpAnswer> {
    const { sending, lowSpeedLimit } = attempt;
    const { request, caller } = sending;
    const key = memoryKey(request);
    const target = caller.pin === undefined || key === undefined ? undefined : this.#redirects.get(key);
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
        if (key !== undefined) this.#remember(key, url, url === request.url);
        return { status, header, url, hops, usedOtherCredentials, body, lowSpeedLimit };
      }
      const next = this.#nextHop(sending, response, url, hops.length);
      if (next === undefined) {
        await this.#refuse(attempt, response, url);
      } else {
        hops = [...hops, { url, status, header }];
        url = next;
      }
    }
  }

  #remember(key: string, url: URL, isDirect: boolean): void {
    if (isDirect) this.#redirects.delete(key);
    else this.#redirects.set(key, url.href);
  }

  /** Where a redirect leads, if its policy lets it. */
  #nextHop({ request, caller }: Sending, response: HttpResponse, from: URL, hops: number): URL | undefined {
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
  async #refuse({ sending, endsAtMs }: Try, response: Exchanged, url: URL): Promise<void> {
    const { request, caller } = sending;
    const { status, header, body, authorization } = response;
    const { authorizer, explain, isRetryable: mayRetry } = request;
    // A token is not the reason if it was not sent, and could not be.
    const isForAuthorizer = authorization !== undefined || url.origin === request.url.origin;
    const mayRenew =
      isForAuthorizer &&
      !sending.sentAgainTo.has(url.origin) &&
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
        sending.sentAgainTo.add(url.origin);
        return;
      }
    }
    const error = explain?.(refusal) ?? statusFailure(status, header, caller.url, request.allowed);
    sending.refused = { error, isRetryable: mayRetry?.(refusal) ?? isRetryableStatus(status) };
    throw error;
  }

  /**
   * The response of the target that a version was redirected to. Undefined: it is not of use any more, since it was valid
   * for a moment only, or is unreachable; the origin may have another.
   */
  async #sendToRemembered(attempt: Try, target: string): Promise<HttpAnswer | undefined> {
    const { sending, lowSpeedLimit, endsAtMs } = attempt;
    const { request, caller } = sending;
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
    this.#redirects.delete(memoryKey(request) ?? '');
    return undefined;
  }

  async #exchange({ sending, lowSpeedLimit }: Try, url: URL, leftMs: number): Promise<Exchanged> {
    const { request, caller } = sending;
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
    const activity = this.#activity.of(schemeOf(caller), url.host);
    const resolved = this.#routes.resolve(request.route, url, isOwnOrigin);
    const route = resolved?.proxy === undefined ? 'direct' : 'proxy';
    const startedMs = performance.now();
    try {
      const {
        status,
        header: answered,
        body: answer,
      } = await exchange(this.#pool, url, sent, {
        method,
        ...(body === undefined ? {} : { body }),
        route: resolved,
        signedUrl: authorization?.url,
        signal: caller.signal,
        priority: caller.priority,
        promotion: caller.promotion,
        headersTimeoutMs: limitMs,
        idleTimeoutMs: this.timeoutMs / 3,
        lowSpeedLimit,
        expectedBytes: request.expectedBytes,
        activity: activity.by(route),
      });
      this.#activity.noteFirstByte(activity.scheme, route, performance.now() - startedMs);
      activity.noteResponse(status, isRetryableStatus(status));
      return { status, header: answered, body: answer, authorization };
    } catch (error) {
      const { code, message, found } = failureOf(error, caller.url, caller.signal);
      activity.noteFailure(code, found === undefined ? message : `${message} (${found})`);
      throw error;
    }
  }
}

/** Of the source that it is for: `s3`, where the request is one of https. */
function schemeOf({ url }: HttpCaller): string {
  return url.protocol.slice(0, -1);
}

function isNotEmpty(authorization: Authorization | undefined): boolean {
  if (authorization === undefined) return false;
  return authorization.url !== undefined || Object.keys(authorization.header ?? {}).length > 0;
}

/** By which the target of redirects is remembered; undefined: it is not. */
function memoryKey({ url, method, redirects, route }: HttpRequest): string | undefined {
  if (redirects === 'refuse' || (method ?? 'GET') !== 'GET') return undefined;
  return route === undefined ? url.href : `${route.key} ${url.href}`;
}
