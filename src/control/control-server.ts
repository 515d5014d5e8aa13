/** HTTP of the control socket, and of `--metrics-listen`: docs/OPERATING.md has its paths. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

import { safeText } from '../source/index.js';
import { refusedAsForeign } from './browser-guard.js';
import { metricsOf } from './metrics.js';
import { ControlError } from './control-error.js';
import type { FollowedLog, OperatedMount, PinFacts } from './operated-mount.js';
import { serveFollowed } from './serve-followed.js';
import { PAGE_POLICY, statusPage } from './page/status-page.js';
import { statsOf } from './stats.js';
import { statusOf } from './status.js';
import { warmLine } from './warm/warm-line.js';
import { serveWarm } from './warm/warm-request.js';

/** A request must have come within this time, and its answer must be read within it; the work itself may take longer. */
const TRANSFER_MS = 10_000;
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_BODY_BYTES = 1024 * 1024;
const MAX_CONNECTIONS = 16;
const READY_LIMIT_MS = 1_000;

const STATUS_OF: Readonly<Record<ControlError['code'], number>> = {
  BAD_REQUEST: 400,
  CONFIGURATION: 422,
  NOT_KEPT: 409,
  NEEDS_REMOUNT: 409,
  NO_PROGRAM: 409,
  TIMEOUT: 504,
  NOT_READY: 503,
  REFUSED: 409,
  PINNED: 409,
  NO_SUCH_JOB: 404,
};

/** It is answered while it is served. */
const WARM = 'POST /v1/warm';

/** `public`: only what all programs of the machine, or of the network, may see. */
export type ControlScope = 'all' | 'public';

interface Answer {
  readonly status: number;
  readonly type: 'application/json' | 'text/plain; version=0.0.4; charset=utf-8' | 'text/html; charset=utf-8';
  readonly text: string;
  readonly policy?: string;
}

/** Its answer ends when the peer goes. */
interface Following {
  readonly follow: FollowedLog;
}

type Handler = (
  mount: OperatedMount,
  body: unknown,
  scope: ControlScope,
) => Answer | Following | Promise<Answer>;

/** They say no more than whether it lives: a load balancer may name the host as it likes. */
const HEALTH = new Set(['/livez', '/readyz']);

const PUBLIC: Readonly<Record<string, Handler>> = {
  'GET /': (mount, _, scope) => ({
    status: 200,
    type: 'text/html; charset=utf-8',
    text: statusPage(mount.report(), scope),
    policy: PAGE_POLICY,
  }),
  'GET /livez': (mount) => health(mount.isLive()),
  'GET /readyz': async (mount) => health(await within(READY_LIMIT_MS, mount.isReady())),
  'GET /metrics': (mount) => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    text: metricsOf(mount.report()),
  }),
};

const ALL: Readonly<Record<string, Handler>> = {
  ...PUBLIC,
  'GET /v1/status': (mount) => json(200, statusOf(mount.report())),
  'GET /v1/stats': (mount) => json(200, statsOf(mount.report())),
  'GET /v1/config': (mount) => json(200, mount.configuration()),
  'GET /v1/accesslog': (mount) => ({ follow: mount.followAccess() }),
  'POST /v1/reload': async (mount) => {
    const { changed, needsRemount } = await mount.reload();
    return json(200, { changed, needs_remount: needsRemount });
  },
  'POST /v1/restart': async (mount) => json(202, await mount.restart()),
  'POST /v1/log-level': (mount, body) => {
    const level = field(body, 'level');
    if (typeof level !== 'string') throw new ControlError('BAD_REQUEST', 'expected {"level": "info"}');
    mount.setLogLevel(level);
    return json(200, { level });
  },
  'POST /v1/evict': async (mount, body) => {
    const { memory, disk } = await mount.evict(urlsOf(body), flagOf(body, 'force'));
    return json(200, { memory, disk: disk ?? null });
  },
  'GET /v1/pins': async (mount) => pinsAnswer(await mount.pins()),
  'POST /v1/pin': async (mount, body) =>
    pinsAnswer(await mount.pin(resourcesOf(body), flagOf(body, 'recursive'))),
  'POST /v1/unpin': async (mount, body) =>
    pinsAnswer(await mount.unpin(resourcesOf(body), flagOf(body, 'recursive'))),
  'POST /v1/warm/stop': (mount, body) => {
    const job = field(body, 'job');
    if (typeof job !== 'number') throw new ControlError('BAD_REQUEST', 'expected {"job": 1}');
    return json(200, warmLine(mount.stopWarming(job)));
  },
  'POST /v1/forget': async (mount, body) => json(200, { files: await mount.forget(urlsOf(body)) }),
};

export class ControlServer {
  readonly #mount: OperatedMount;
  readonly #scope: ControlScope;
  readonly #routes: Readonly<Record<string, Handler>>;
  readonly #server: Server;
  readonly #transferMs: number;
  readonly #sockets = new Set<Socket>();
  readonly #transfers = new WeakMap<Socket, TransferLimit>();

  constructor(mount: OperatedMount, scope: ControlScope, transferMs = TRANSFER_MS) {
    this.#mount = mount;
    this.#transferMs = transferMs;
    this.#scope = scope;
    this.#routes = scope === 'all' ? ALL : PUBLIC;
    this.#server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
      void this.#serve(request, response);
    });
  }

  /** Serves a connection that was accepted. */
  accept(socket: Socket): void {
    if (this.#sockets.size >= MAX_CONNECTIONS) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    const transfer = new TransferLimit(socket, this.#transferMs);
    this.#transfers.set(socket, transfer);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      transfer.end();
    });
    this.#server.emit('connection', socket);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(request, response).catch(failure);
    if (answer === undefined) return;
    if ('follow' in answer) {
      await serveFollowed(answer.follow, response);
      return;
    }
    const { status, type, text, policy = "default-src 'none'" } = answer;
    this.#transfers.get(request.socket)?.begin();
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      connection: 'close',
    });
    response.end(text);
  }

  /** Undefined: it has been answered. */
  async #answer(request: IncomingMessage, response: ServerResponse): Promise<Answer | Following | undefined> {
    const { method = 'GET', url = '/' } = request;
    const [path = '/'] = url.split('?', 1);
    const foreign = refusedAsForeign(request, HEALTH.has(path));
    if (foreign !== undefined) return refusal(403, 'FORBIDDEN', foreign);
    const route = `${method} ${path}`;
    if (route === WARM && this.#routes === ALL) {
      await serveWarm(this.#mount, request, response, () => this.#transfers.get(request.socket)?.end());
      return undefined;
    }
    const handler = this.#routes[route];
    if (handler !== undefined) {
      const body = await bodyOf(request);
      this.#transfers.get(request.socket)?.end();
      return await handler(this.#mount, body, this.#scope);
    }
    const isKnown = [WARM, ...Object.keys(this.#routes)].some((route) => route.endsWith(` ${path}`));
    return isKnown
      ? refusal(405, 'METHOD', `${method} is no method of ${path}`)
      : refusal(404, 'NO_SUCH_PATH', `there is no ${path}`);
  }
}

/** However slowly it sends or reads, no peer keeps a connection for long. */
class TransferLimit {
  readonly #socket: Socket;
  readonly #limitMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, limitMs: number) {
    this.#socket = socket;
    this.#limitMs = limitMs;
    this.begin();
  }

  begin(): void {
    this.end();
    if (!this.#socket.destroyed)
      this.#timer = setTimeout(() => this.#socket.destroy(), this.#limitMs).unref();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

function json(status: number, value: object): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` };
}

function health(isHealthy: boolean): Answer {
  return json(isHealthy ? 200 : 503, { ok: isHealthy });
}

function refusal(status: number, code: string, message: string, hint?: string): Answer {
  return json(status, { error: { code, message: safeText(message), hint } });
}

function failure(error: unknown): Answer {
  if (error instanceof ControlError) {
    return refusal(STATUS_OF[error.code], error.code, error.message, error.hint);
  }
  return refusal(500, 'INTERNAL', error instanceof Error ? error.message : String(error));
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.byteLength;
    if (bytes > MAX_BODY_BYTES) throw new ControlError('BAD_REQUEST', 'the body is too long');
    parts.push(part);
  }
  if (bytes === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(parts).toString()) as unknown;
  } catch {
    throw new ControlError('BAD_REQUEST', 'the body is no JSON');
  }
}

function field(body: unknown, name: string): unknown {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined;
  return (body as Readonly<Record<string, unknown>>)[name];
}

function urlsOf(body: unknown): readonly string[] {
  const urls = field(body, 'urls');
  if (Array.isArray(urls) && urls.length > 0 && urls.every((url) => typeof url === 'string')) return urls;
  throw new ControlError('BAD_REQUEST', 'expected {"urls": ["https://host/path"]}');
}

function resourcesOf(body: unknown): readonly string[] {
  const urls = urlsOf(body);
  if (urls.every((url) => url.includes('://'))) return urls;
  throw new ControlError('BAD_REQUEST', 'a pin is of a URL: name a host at least');
}

function flagOf(body: unknown, name: string): boolean {
  const value = field(body, name) ?? false;
  if (typeof value === 'boolean') return value;
  throw new ControlError('BAD_REQUEST', `expected true or false for ${name}`);
}

function pinsAnswer(pins: readonly PinFacts[]): Answer {
  return json(200, {
    pins: pins.map(({ url, isRecursive, files, bytes }) => ({
      url,
      recursive: isRecursive,
      files: files ?? null,
      bytes: bytes ?? null,
    })),
  });
}

async function within<Value>(limitMs: number, work: Promise<Value>): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ControlError('TIMEOUT', `no answer within ${limitMs} ms`)), limitMs);
  });
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
