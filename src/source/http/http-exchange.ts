/**
 * One request and its response: from the wait for a connection to the end of the body. A request but
 * a POST that meets a kept-alive connection which the server has just closed is sent again, once, on a new one (RFC 9112, 9.3.1).
 */
import { uidOf } from '../caller-uid.js';
import type { RequestPriority } from '../request.js';
import type { Promotion } from '../promotion.js';
import type { ConnectionPool } from './connection-pool.js';
import type { IncomingBody } from './exchange-body.js';
import type { HeaderFields } from './header-fields.js';
import type { HttpBody } from './http-body.js';
import { BODY_SLOW, CONNECTION_IDLE, HEADERS_LATE } from './http-failure.js';
import type { LowSpeedLimit } from './low-speed-limit.js';
import type { PooledExchange } from './pooled-exchange.js';
import { formatRequest, type RequestBody } from './format-request.js';
import type { RouteActivity } from '../request-activity.js';
import type { ResponseHead } from './response-head.js';
import { proxyHeader, type ResolvedRoute } from './route.js';

export interface ExchangeOptions {
  /** Default: GET. */
  readonly method?: string;
  readonly body?: RequestBody;
  /** How the connection is made; undefined: directly. */
  readonly route?: ResolvedRoute | undefined;
  /** `url` with a signature, which is sent and shown nowhere. */
  readonly signedUrl?: URL | undefined;
  /** Of the body; Infinity: it may be long. Default: it is small. */
  readonly expectedBytes?: number | undefined;
  readonly signal: AbortSignal | undefined;
  readonly priority: RequestPriority;
  readonly promotion: Promotion | undefined;
  /** From now to the head, the wait for a connection included. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of the body, while its reader waits: a body that is not read is not idle. */
  readonly idleTimeoutMs: number;
  /** Of the download that this continues, or of a new one. */
  readonly lowSpeedLimit: LowSpeedLimit;
  readonly activity?: RouteActivity;
}

export interface HttpResponse {
  readonly status: number;
  readonly header: HeaderFields;
  readonly body: HttpBody;
}

export function exchange(
  pool: ConnectionPool,
  url: URL,
  header: Readonly<Record<string, string>>,
  options: ExchangeOptions,
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    new HttpExchange(pool, url, header, options, { resolve, reject }).start();
  });
}

interface Outcome {
  readonly resolve: (response: HttpResponse) => void;
  readonly reject: (reason: unknown) => void;
}

class HttpExchange implements PooledExchange {
  readonly url: URL;
  readonly poolKey: string;
  readonly route: ResolvedRoute | undefined;
  readonly uid: number | undefined;
  readonly requestText: string;
  readonly expectedBytes: number;
  priority: RequestPriority;
  needsNewConnection = false;
  readonly #pool: ConnectionPool;
  readonly #options: ExchangeOptions;
  readonly #outcome: Outcome;
  #body: IncomingBody | undefined;
  readonly #onAbort = (): void => this.#abandon(this.#options.signal?.reason);
  readonly #headersDeadlineMs: number;
  #state: 'head' | 'body' | 'over' = 'head';
  /** When a tick last saw more of the body, or no reader waiting for it. */
  #activeMs: number;
  #tickedMs: number;
  #noticedBytes: number;

  constructor(
    pool: ConnectionPool,
    url: URL,
    header: Readonly<Record<string, string>>,
    options: ExchangeOptions,
    outcome: Outcome,
  ) {
    this.#pool = pool;
    const { method = 'GET', body, route, signedUrl = url } = options;
    this.url = route?.peerProxy ?? (signedUrl.origin === url.origin ? url : new URL(signedUrl.origin));
    this.route = route;
    this.poolKey = route === undefined ? this.url.origin : `${this.url.origin} ${route.key}`;
    this.uid = uidOf(options.signal);
    this.expectedBytes = options.expectedBytes ?? 0;
    const forProxy = proxyHeader(this.url, route);
    const sent = forProxy === undefined ? header : { ...header, ...forProxy };
    const isAbsolute = forProxy !== undefined || route?.peerProxy !== undefined;
    this.requestText = formatRequest({ method, url: signedUrl, header: sent }, body, isAbsolute);
    this.priority = options.promotion?.isPromoted === true ? 'foreground' : options.priority;
    this.#options = options;
    this.#outcome = outcome;
    this.#activeMs = pool.now();
    this.#tickedMs = this.#activeMs;
    this.#noticedBytes = options.lowSpeedLimit.receivedBytes;
    this.#headersDeadlineMs = this.#activeMs + options.headersTimeoutMs;
  }

  start(): void {
    const { signal } = this.#options;
    if (signal?.aborted === true) {
      this.#outcome.reject(signal.reason);
      return;
    }
    signal?.addEventListener('abort', this.#onAbort);
    const { promotion } = this.#options;
    if (promotion !== undefined && this.priority === 'background')
      promotion.listener = () => this.#pool.raise(this);
    this.#pool.submit(this);
  }

  onHead({ status, header }: ResponseHead, body: IncomingBody): void {
    this.#state = 'body';
    this.#body = body;
    this.#activeMs = this.#pool.now();
    const cancel = (reason?: unknown): void => {
      // Most bodies have ended by then, and an error is not made for nothing.
      if (this.#state !== 'over') this.#abandon(reason ?? new Error('cancelled'));
    };
    this.#outcome.resolve({ status, header, body: { read: (target) => body.read(target), cancel } });
  }

  onReceived(bytes: number): void {
    const { lowSpeedLimit, activity } = this.#options;
    lowSpeedLimit.receivedBytes += bytes;
    if (activity !== undefined) activity.receivedBytes += bytes;
  }

  onEnd(): void {
    this.#leave();
  }

  onFailure(error: Error, isStale: boolean): void {
    if (isStale && !this.needsNewConnection && this.#options.method !== 'POST') {
      this.needsNewConnection = true;
      this.#pool.submit(this);
      return;
    }
    this.#fail(error);
  }

  /** Only bytes of the body count as progress, whatever else comes. */
  onTick(nowMs: number): void {
    const { lowSpeedLimit, idleTimeoutMs } = this.#options;
    const isBody = this.#state === 'body';
    const elapsedMs = nowMs - this.#tickedMs;
    this.#tickedMs = nowMs;
    if (!isBody && nowMs >= this.#headersDeadlineMs) this.#abandon(new Error(HEADERS_LATE));
    if (!isBody) return;
    const isReading = this.#body?.isReading === true;
    if (lowSpeedLimit.receivedBytes > this.#noticedBytes || !isReading) this.#activeMs = nowMs;
    this.#noticedBytes = lowSpeedLimit.receivedBytes;
    if (!isReading) return;
    lowSpeedLimit.noteWait(elapsedMs);
    if (lowSpeedLimit.leftMs === 0) this.#abandon(new Error(BODY_SLOW));
    else if (nowMs - this.#activeMs >= idleTimeoutMs) this.#abandon(new Error(CONNECTION_IDLE));
  }

  #abandon(reason: unknown): void {
    if (this.#state === 'over') return;
    this.#pool.abandon(this);
    this.#fail(reason);
  }

  #fail(reason: unknown): void {
    this.#leave();
    this.#outcome.reject(reason); // To no effect once the head has come.
    this.#body?.fail(reason);
  }

  #leave(): void {
    this.#state = 'over';
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    if (this.#options.promotion !== undefined) this.#options.promotion.listener = undefined;
  }
}
