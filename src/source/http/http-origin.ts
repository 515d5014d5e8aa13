/** Sends one request to its final target: follows redirects, and retries retryable failures. */
import { LRUCache } from 'lru-cache';

import { ProtocolError } from '../errors.js';
import type { Request } from '../request.js';
import { withRetries } from '../retry.js';
import { createConnect } from './connect.js';
import { ConnectionPool } from './connection-pool.js';
import { type HttpResponse, exchange } from './http-exchange.js';
import { failureOf, isRetryable, statusFailure } from './http-failure.js';
import type { HttpClientOptions } from './http-options.js';
import { LowSpeedLimit } from './low-speed-limit.js';
import { NameResolver } from './name-resolver.js';
import { carriedHeader, isDirectoryRedirect, redirectTarget, refuseDowngrade } from './redirect.js';

const BACKOFF_MS = 200;
const MAX_TICK_MS = 250;
const MAX_REDIRECTS = 10;
const REDIRECT_TTL_MS = 60_000;
/** Of the URLs of both ends: a target may carry a signature of thousands of characters. */
const MAX_REDIRECT_CHARS = 1024 * 1024;
/** Of the time that is left: for a remembered target, so that the origin can be queried after it. */
const REMEMBERED_SHARE = 1 / 3;
const REDIRECT_STATUS = new Set([301, 302, 303, 307, 308]);

export interface OriginResponse extends HttpResponse {
  /** Where the response came from. */
  readonly url: URL;
  /** Configured headers were sent to another origin than that of the request. */
  readonly usedOtherCredentials: boolean;
  /** Of the download that the response begins or continues. */
  readonly lowSpeedLimit: LowSpeedLimit;
}

/** The response was a redirect to the same path with a slash: what stands there is a directory. */
export class DirectoryRedirect {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

export class HttpOrigin {
  readonly #options: HttpClientOptions;
  readonly #resolver = new NameResolver();
  readonly #pool: ConnectionPool;
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

  constructor(options: HttpClientOptions) {
    this.#options = options;
    const { maxConnectionsPerOrigin, maxConnections, timeoutMs } = options;
    const connectTimeoutMs = timeoutMs / 3;
    const connect = options.connect ?? createConnect({ ...options, resolver: this.#resolver });
    this.#pool = new ConnectionPool(connect, {
      maxConnectionsPerOrigin,
      maxConnections,
      connectTimeoutMs,
      tickMs: Math.min(MAX_TICK_MS, timeoutMs / 24),
    });
  }

  /**
   * Sends until a response has one of the allowed statuses. The body is the caller's to read or cancel. `resumed`: of
   * the download that the response continues.
   */
  async send(
    request: Request,
    header: Readonly<Record<string, string>>,
    allowed: readonly number[],
    resumed?: LowSpeedLimit,
  ): Promise<OriginResponse | DirectoryRedirect> {
    const { timeoutMs, retries } = this.#options;
    const deadlineMs = Math.min(timeoutMs, resumed?.leftMs ?? Infinity);
    const policy = { retries, deadlineMs, backoffMs: BACKOFF_MS, isRetryable };
    return await withRetries(policy, request.signal, async (leftMs) => {
      const lowSpeedLimit = resumed ?? new LowSpeedLimit(timeoutMs);
      try {
        return await this.#follow({ request, header, allowed, lowSpeedLimit }, leftMs);
      } catch (error) {
        throw failureOf(error, request.url, request.signal);
      }
    });
  }

  async close(): Promise<void> {
    this.#resolver.close();
    await this.#pool.close();
  }

  /** Of the clock that deadlines are measured by. */
  now(): number {
    return this.#pool.now();
  }

  async #follow(sending: Sending, leftMs: number): Promise<OriginResponse | DirectoryRedirect> {
    const endsAtMs = performance.now() + leftMs;
    const { request, allowed } = sending;
    const target = request.pin === undefined ? undefined : this.#redirects.get(request.url.href);
    const limitMs = leftMs * REMEMBERED_SHARE;
    const remembered = target === undefined ? undefined : await this.#askRemembered(sending, target, limitMs);
    if (remembered !== undefined) return remembered;
    let { url } = request;
    let usedOtherCredentials = false;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      usedOtherCredentials ||= this.#isConfiguredElsewhere(url, request.url);
      const response = await this.#exchange(sending, url, Math.max(1, endsAtMs - performance.now()));
      if (allowed.includes(response.status)) {
        if (url === request.url) this.#redirects.delete(request.url.href);
        else this.#redirects.set(request.url.href, url.href);
        return { ...response, url, usedOtherCredentials, lowSpeedLimit: sending.lowSpeedLimit };
      }
      response.body.cancel();
      if (!REDIRECT_STATUS.has(response.status)) {
        throw statusFailure(response.status, response.header, url, allowed);
      }
      const next = redirectTarget(response.header.get('location'), url);
      if (isDirectoryRedirect(url, next)) return new DirectoryRedirect(next);
      refuseDowngrade(request.url, next);
      url = next;
    }
    throw new ProtocolError('too many redirects', request.url, {
      expected: `at most ${MAX_REDIRECTS}`,
      found: `another one, to ${url.origin}`,
    });
  }

  /**
   * The response of the target that a version was redirected to. Undefined: it is not of use any more, since it was valid
   * for a moment only, or is unreachable; the origin may have another.
   */
  async #askRemembered(
    sending: Sending,
    target: string,
    limitMs: number,
  ): Promise<OriginResponse | undefined> {
    const { request, allowed, lowSpeedLimit } = sending;
    const url = new URL(target);
    try {
      const response = await this.#exchange(sending, url, limitMs);
      const usedOtherCredentials = this.#isConfiguredElsewhere(url, request.url);
      if (allowed.includes(response.status)) {
        this.#redirects.set(request.url.href, target);
        return { ...response, url, usedOtherCredentials, lowSpeedLimit };
      }
      response.body.cancel();
    } catch (error) {
      if (failureOf(error, url, request.signal).code === 'INTERRUPTED') throw error;
    }
    this.#redirects.delete(request.url.href);
    return undefined;
  }

  #isConfiguredElsewhere(url: URL, requested: URL): boolean {
    return url.origin !== requested.origin && Object.keys(this.#options.headersFor(url)).length > 0;
  }

  async #exchange(
    { request, header, lowSpeedLimit }: Sending,
    url: URL,
    leftMs: number,
  ): Promise<HttpResponse> {
    const own = request.hasHeader ? carriedHeader(request.header, request.url, url) : {};
    delete own['x-dragonfly-range'];
    const configured = this.#options.headersFor(url);
    const sent = { ...own, ...configured, ...header, 'accept-encoding': 'identity' };
    return await exchange(this.#pool, url, sent, {
      signal: request.signal,
      priority: request.priority,
      promotion: request.promotion,
      headersTimeoutMs: leftMs,
      idleTimeoutMs: this.#options.timeoutMs / 3,
      lowSpeedLimit,
    });
  }
}

/** What is sent to each host of a redirect chain. */
interface Sending {
  readonly request: Request;
  readonly header: Readonly<Record<string, string>>;
  readonly allowed: readonly number[];
  readonly lowSpeedLimit: LowSpeedLimit;
}
