/** The engine: sends requests with retries, by the connections of its pools. */
import type { Socket } from 'node:net';

import { type Awaitable, chain } from '../../awaitable.js';
import { type PoolReport, RequestActivity } from '../request-activity.js';
import { withRetries } from '../retry.js';
import { readPieces, readText } from './answer-text.js';
import { createConnect } from './connect.js';
import { connectTcp } from './connect-tcp.js';
import { ConnectionPool } from './connection-pool.js';
import type {
  HttpAnswer,
  HttpCaller,
  HttpEngine,
  HttpRequest,
  PeerRequest,
  TcpReceiver,
  TcpTarget,
  TextReader,
} from './http-engine.js';
import { exchange } from './http-exchange.js';
import { failureOf } from './http-failure.js';
import { DEFAULT_HTTP_ENGINE_OPTIONS, type HttpEngineOptions } from './http-options.js';
import type { IoThreads } from './io-threads.js';
import { LowSpeedLimit } from './low-speed-limit.js';
import { NameResolver } from './name-resolver.js';
import { ReceivedConnection } from './received-connection.js';
import { RememberedRedirects } from './remembered-redirects.js';
import { Routes } from './route.js';
import { schemeOf, Sending, type SendingContext } from './sending.js';
import { checkHost, createPlanSocket } from './socket-plan.js';

const BACKOFF_MS = 200;
const MAX_TICK_MS = 250;
/** To the proxy of dfdaemon, which is near. */
const PEER_CONNECT_TIMEOUT_MS = 5_000;
const MAX_PEER_CONNECTIONS = 32;

/** An engine, and what its connections do. */
export interface ReportingEngine extends HttpEngine {
  readonly report: PoolReport;
}

export function createHttpEngine(given: Partial<HttpEngineOptions> = {}): ReportingEngine {
  return new PooledEngine({ ...DEFAULT_HTTP_ENGINE_OPTIONS, ...given });
}

class PooledEngine implements ReportingEngine {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly #resolver = new NameResolver();
  readonly #connecting: Parameters<typeof connectTcp>[1];
  readonly #pool: ConnectionPool;
  /** Apart from that of sources: neither keeps the other's requests waiting. */
  readonly #peers: ConnectionPool;
  readonly #threads: IoThreads | undefined;
  readonly #activity: RequestActivity;
  readonly #sending: SendingContext;

  constructor(options: HttpEngineOptions) {
    const { timeoutMs, retries, maxConnectionsPerOrigin, maxConnections, proxyFor } = options;
    this.timeoutMs = timeoutMs;
    this.retries = retries;
    this.#activity = options.activity ?? new RequestActivity();
    const planning = { ...options, resolver: this.#resolver };
    this.#connecting = planning;
    const plan = createPlanSocket(planning);
    const connect = options.connect ?? createConnect(planning, plan);
    const isThreaded = options.threads !== undefined && options.connect === undefined;
    this.#threads = isThreaded ? options.threads : undefined;
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
    this.#sending = {
      pool: this.#pool,
      routes: new Routes(proxyFor),
      redirects: new RememberedRedirects(),
      activity: this.#activity,
      timeoutMs,
    };
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
    return { status, header: answered, url, hops: [], usedOtherCredentials: false, body, lowSpeedLimit };
  }

  connectTcp(target: TcpTarget, signal: AbortSignal): Promise<Socket> {
    return connectTcp(target, this.#connecting, signal);
  }

  tcpReceiver(expectedBytes: number): Awaitable<TcpReceiver | undefined> {
    return chain(
      this.#threads?.threadWhenReady(expectedBytes),
      (thread) => thread && ((address, port) => new ReceivedConnection(address, port, thread)),
    );
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
    const sending = new Sending(this.#sending, request, caller);
    const { retries = this.retries, timeoutMs = this.timeoutMs } = request;
    const deadlineMs = Math.min(timeoutMs, resumed?.leftMs ?? Infinity);
    const policy = {
      retries,
      deadlineMs,
      backoffMs: BACKOFF_MS,
      isRetryable: (error: unknown) => sending.isRetryable(error),
    };
    let failed: string | undefined;
    return withRetries(policy, caller.signal, async (leftMs) => {
      if (failed !== undefined) this.#activity.noteRetry(schemeOf(caller), failed);
      const lowSpeedLimit = resumed ?? new LowSpeedLimit(this.timeoutMs);
      try {
        const answer = await sending.try(lowSpeedLimit, leftMs);
        const used = use(answer);
        return used instanceof Promise ? await used : used;
      } catch (error) {
        const failure = failureOf(error, caller.url, caller.signal);
        failed = failure.code;
        throw failure;
      }
    });
  }
}
